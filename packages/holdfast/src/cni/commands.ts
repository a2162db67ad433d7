import type { CommandDefinition } from "@holdfast/cli";
import { installCommand, uninstallCommand } from "./install-commands.ts";
import { statusCommand } from "./status-command.ts";

/** `holdfast cni …`: of this machine's files, so that no controller is asked. */
export const cniCommands: readonly CommandDefinition[] = [installCommand, uninstallCommand, statusCommand];
