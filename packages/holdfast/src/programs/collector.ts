import { noStore, startCollector } from "@holdfast/collector";
import { collectorOptions } from "@holdfast/collector/config";
import { systemClock } from "@holdfast/core";
import { createPinoLogger } from "../pino-logger.ts";
import { announceReady, stopRequested } from "../processes/ready.ts";
import { readSettings } from "../settings.ts";

/** Runs until a signal asks it to end, or until it can take no more, which is an error. */
export async function runCollector(flags: Readonly<Record<string, string>>): Promise<void> {
  const settings = readSettings("collector", collectorOptions, flags);
  const logger = createPinoLogger("collector", settings.logLevel);
  const collector = await startCollector({ clock: systemClock, logger, store: noStore }, settings);
  logger.info("collector is ready", { port: collector.port, status: collector.statusAddress });
  announceReady();
  const ending = stopRequested().then(async (signal) => {
    logger.info("collector is stopping", { signal });
    await collector.stop();
  });
  await Promise.race([ending, collector.ended.then(() => ending)]);
}
