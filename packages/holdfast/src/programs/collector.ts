import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { createClient } from "@holdfast/client";
import { type FlowStore, noStore, openDuckStore, startCollector } from "@holdfast/collector";
import { collectorOptions } from "@holdfast/collector/config";
import { systemClock } from "@holdfast/core";
import { createNodeFetch } from "@holdfast/http";
import { createPinoLogger } from "../pino-logger.ts";
import { announceReady, stopRequested } from "../processes/ready.ts";
import { readSettings } from "../settings.ts";

/** Short, so that traffic can be asked about seconds after it was sampled. */
const WINDOW_SECONDS = 2;

/** Runs until a signal asks it to end, or until it can take no more, which is an error. */
export async function runCollector(flags: Readonly<Record<string, string>>): Promise<void> {
  const settings = readSettings("collector", collectorOptions, flags);
  const logger = createPinoLogger("collector", settings.logLevel);
  const { store: path, storeMemory, keepWindows, keepMinutes, keepHours, keepSamples } = settings;
  const tiers = {
    fine: { seconds: WINDOW_SECONDS, retention: keepWindows },
    minute: { seconds: 60, retention: keepMinutes },
    hour: { seconds: 3600, retention: keepHours },
    samples: keepSamples,
  };
  await using stack = new AsyncDisposableStack();
  let flows: FlowStore | undefined;
  if (path !== "none") {
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
    flows = stack.use(await openDuckStore({ clock: systemClock, logger }, { path, memoryMib: storeMemory, tiers }));
  }
  const { server, controllerToken: token, names } = settings;
  const client = names ? createClient({ fetch: createNodeFetch() }, { server, token }) : undefined;
  const collector = await startCollector(
    { clock: systemClock, logger, store: flows ?? noStore, flows, ...(client === undefined ? {} : { client }) },
    { ...settings, tiers, windowSeconds: WINDOW_SECONDS },
  );
  logger.info("collector is ready", { port: collector.port, status: collector.statusAddress });
  announceReady();
  const ending = stopRequested().then(async (signal) => {
    logger.info("collector is stopping", { signal });
    await collector.stop();
  });
  await Promise.race([ending, collector.ended.then(() => ending)]);
}
