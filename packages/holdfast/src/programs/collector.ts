import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { createClient } from "@holdfast/client";
import {
  createFlowList,
  createSearchStore,
  type FlowList,
  type FlowStore,
  noStore,
  openDuckStore,
  openRedis,
  redisAccess,
  type StreamOptions,
  startCollector,
  type TierSettings,
} from "@holdfast/collector";
import { collectorOptions } from "@holdfast/collector/config";
import { HoldfastError, type Logger, type OptionValues, systemClock } from "@holdfast/core";
import { createNodeFetch } from "@holdfast/http";
import { openSqliteStore, type Store } from "@holdfast/store";
import { createPinoLogger } from "../pino-logger.ts";
import { announceReady, stopRequested } from "../processes/ready.ts";
import { readSettings } from "../settings.ts";

/** Short, so that traffic can be asked about seconds after it was sampled. */
const WINDOW_SECONDS = 2;
/** A cluster has a document for each row of a window: a fifth of them. */
const SEARCH_WINDOW_SECONDS = 10;

type Settings = OptionValues<typeof collectorOptions>;

/** Runs until a signal asks it to end, or until it can take no more, which is an error. */
export async function runCollector(flags: Readonly<Record<string, string>>): Promise<void> {
  const settings = readSettings("collector", collectorOptions, flags);
  const logger = createPinoLogger("collector", settings.logLevel);
  const windowSeconds = settings.opensearch === undefined ? WINDOW_SECONDS : SEARCH_WINDOW_SECONDS;
  const tiers = {
    fine: { seconds: windowSeconds, retention: settings.keepWindows },
    minute: { seconds: 60, retention: settings.keepMinutes },
    hour: { seconds: 3600, retention: settings.keepHours },
    samples: settings.keepSamples,
  };
  await using stack = new AsyncDisposableStack();
  const stream = streamOptions(settings);
  // Who reads nothing names and keeps nothing.
  const isReceiverOnly = stream?.role === "receiver";
  const flows = isReceiverOnly ? undefined : await openStore(settings, tiers, logger);
  if (flows !== undefined) stack.use(flows);
  const alarms = isReceiverOnly ? undefined : await openAlarmStore(settings.alarms, logger);
  stack.defer(() => alarms?.close());
  const list = isReceiverOnly ? undefined : openList(settings, logger);
  if (list !== undefined) stack.use(list);
  const { server, controllerToken: token, names } = settings;
  const client = names && !isReceiverOnly ? createClient({ fetch: createNodeFetch() }, { server, token }) : undefined;
  const stores = { store: flows ?? noStore, flows, alarms, list };
  const collector = await startCollector(
    { clock: systemClock, logger, ...stores, ...(client === undefined ? {} : { client }) },
    {
      ...settings,
      tiers,
      windowSeconds,
      windowSamples: settings.windowSamples * (windowSeconds / WINDOW_SECONDS),
      stream,
      webhooks: { allow: settings.webhookAllow, platformHosts: platformHosts(settings) },
    },
  );
  logger.info("collector is ready", { port: collector.port, status: collector.statusAddress });
  announceReady();
  const ending = stopRequested().then(async (signal) => {
    logger.info("collector is stopping", { signal });
    await collector.stop();
  });
  try {
    await Promise.race([ending, collector.ended.then(() => ending)]);
  } finally {
    // What a part that failed leaves behind, the others still hand on.
    await collector.stop();
  }
}

/** What this collector depends on is for no tenant's webhook. */
function platformHosts({ server, redis, opensearch = [] }: Settings): readonly string[] {
  const addresses = [server, ...(redis === undefined ? [] : [redis]), ...opensearch.map(({ href }) => href)];
  return addresses.filter((address) => URL.canParse(address)).map((address) => new URL(address).hostname);
}

/** Undefined: datagrams go through memory. */
function streamOptions(settings: Settings): StreamOptions | undefined {
  const { redisStream: key, redisStreamMemory, redisRole: role } = settings;
  const redis = redisOptions(settings);
  if (redis === undefined || key === "none") return undefined;
  return { redis, key, streamBytes: redisStreamMemory * 1024 * 1024, role };
}

/** Undefined: flows are put into no list. @throws HoldfastError `invalid_argument` when it is not said where Redis is */
function openList(settings: Settings, logger: Logger): FlowList | undefined {
  const { redisList: key, redisListContent: content, redisListLength: most } = settings;
  if (key === undefined) return undefined;
  const access = redisOptions(settings);
  if (access === undefined) throw new HoldfastError("invalid_argument", "--redis-list: say by --redis in which Redis");
  const [redis, nonce] = [openRedis(access), randomBytes(6).toString("hex")];
  return createFlowList({ clock: systemClock, logger, redis, nonce }, { key, content, most });
}

function redisOptions({ redis: url, redisPasswordFile: passwordFile, redisCaFile: caFile }: Settings) {
  return url === undefined ? undefined : redisAccess({ url, passwordFile, caFile });
}

/** Undefined: nothing is to be kept. */
async function openStore(settings: Settings, tiers: TierSettings, logger: Logger): Promise<FlowStore | undefined> {
  const { opensearch: addresses, store: path, storeMemory: memoryMib } = settings;
  if (addresses !== undefined) {
    return createSearchStore(
      { clock: systemClock, logger, nonce: () => randomBytes(6).toString("hex") },
      {
        addresses,
        prefix: settings.opensearchPrefix,
        host: hostname(),
        user: settings.opensearchUser,
        passwordFile: settings.opensearchPasswordFile,
        keyFile: settings.opensearchKeyFile,
        caFile: settings.opensearchCa,
        tiers,
      },
    );
  }
  if (path === "none") return undefined;
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  return openDuckStore({ clock: systemClock, logger }, { path, memoryMib, tiers });
}

/** The end of the process is survived, the loss of power may cost the last moments: alarms are looked at again. */
async function openAlarmStore(path: string, logger: Logger): Promise<Store | undefined> {
  if (path === "none") return undefined;
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  return await openSqliteStore({ clock: systemClock, logger }, { path, survives: "process-end", keepRevisions: 100 });
}
