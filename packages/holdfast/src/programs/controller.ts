import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { createController } from "@holdfast/controller";
import { controllerOptions } from "@holdfast/controller/config";
import { systemClock } from "@holdfast/core";
import { openSqliteStore } from "@holdfast/store";
import { createPinoLogger } from "../pino-logger.ts";
import { announceReady, stopRequested } from "../processes/ready.ts";
import { readSettings } from "../settings.ts";

/** Runs until a signal asks it to end. */
export async function runController(flags: Readonly<Record<string, string>>): Promise<void> {
  const settings = readSettings("controller", controllerOptions, flags);
  const logger = createPinoLogger("controller", settings.logLevel);
  mkdirSync(dirname(settings.data), { recursive: true, mode: 0o750 });

  await using stack = new AsyncDisposableStack();
  const opened = await openSqliteStore({ clock: systemClock, logger }, { path: settings.data, thread: "own" });
  const store = stack.adopt(opened, (open) => open.close());
  const controller = createController({ store, clock: systemClock, logger }, settings);
  stack.defer(() => controller.stop());
  await controller.start();

  logger.info("controller is ready", { address: controller.address });
  announceReady();
  logger.info("controller is stopping", { signal: await stopRequested() });
}
