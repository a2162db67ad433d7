import type { CommandDefinition } from "@holdfast/cli";
import { replayCommand } from "./replay-command.ts";
import { saveCommand } from "./save-command.ts";

/** `holdfast sflow …`: datagrams as nodes sent them, from the stream of Redis or from captures. */
export const sflowCommands: readonly CommandDefinition[] = [saveCommand, replayCommand];
