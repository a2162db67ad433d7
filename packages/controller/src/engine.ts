import { randomUUID } from "node:crypto";
import { type Clock, errorText, type Logger } from "@holdfast/core";
import type { Store } from "@holdfast/store";
import { createPools } from "./claims/pools.ts";
import type { RetentionOptions } from "./ledger/retention.ts";
import { Metrics } from "./metrics.ts";
import { createQuotas } from "./networks/quotas.ts";
import { createUsageCounts } from "./networks/usage-counts.ts";
import { createLiveness } from "./nodes/liveness.ts";
import { createNouns, type Nouns } from "./nouns.ts";
import type { Platform, Rules } from "./platform.ts";
import { createChanger } from "./state/change.ts";
import { followStore, loadState } from "./state/following.ts";
import { createIdempotency } from "./state/idempotency.ts";
import { State } from "./state/state.ts";
import { createCollector } from "./verifying/collector.ts";

export interface EngineDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tells this process from others, e.g. in the keys of its ledger entries. Default: a random one. */
  readonly nonce?: string;
}

/** Durations are in milliseconds. */
export interface EngineOptions extends Rules, RetentionOptions {
  readonly nodeTimeout: number;
  readonly beat: number;
  /** Whether leaks are looked for and repaired unasked. Absent: they are not. */
  readonly gc?: boolean;
  /** Between two looks. Absent: 5 minutes. */
  readonly gcInterval?: number;
  /** Between the two observations that prove a leak. Absent: 1 minute. */
  readonly gcGrace?: number;
}

/** The services over a store and the jobs that keep them right, without a way in: {@link createController} adds HTTP. */
export interface Engine {
  readonly platform: Platform;
  readonly nouns: Nouns;
  readonly metrics: Metrics;
  /** Names this life of it: nobody else's is the same. */
  readonly nonce: string;
  /** Why it cannot serve; undefined: it can. */
  readonly broken: string | undefined;
  /** Resolves when everything the store has is in memory and followed. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const GC_INTERVAL = 300_000;
const GC_GRACE = 60_000;

export function createEngine(dependencies: EngineDependencies, options: EngineOptions): Engine {
  const { store, clock, logger, nonce = randomUUID().slice(0, 8) } = dependencies;
  const stopping = new AbortController();
  const jobs: Promise<void>[] = [];
  const metrics = new Metrics();
  const platform = createPlatform(dependencies, options, { metrics, nonce });
  const { state } = platform;
  const grace = options.gcGrace ?? GC_GRACE;
  const nouns = createNouns(platform, {
    ...options,
    nonce,
    feedDropped: () => metrics.add("feeds_dropped_total"),
    refusalDropped: () => metrics.add("refusals_dropped_total"),
    expired: (what) => metrics.add("expired_total", `what="${what}"`),
    differences: (what, kind) => metrics.add(`differences_${what}_total`, `kind="${kind}"`),
    grace,
  });
  const collector = createCollector(
    { platform, verifier: nouns.verifier },
    { interval: options.gcInterval ?? GC_INTERVAL, grace },
  );
  let broken: string | undefined = "starting";

  /** Runs until the engine stops; a job that ends before has failed, and the engine with it. */
  function startJob(name: string, run: (signal: AbortSignal) => Promise<void>): void {
    const job = run(stopping.signal).catch((error: unknown) => {
      if (stopping.signal.aborted) return;
      broken = `${name}: ${errorText(error)}`;
      logger.error("job failed", { job: name, error: errorText(error) });
    });
    jobs.push(job);
  }

  async function follow(signal: AbortSignal): Promise<void> {
    try {
      await followStore({ store, state, clock, logger }, signal);
      state.fail("it was stopped");
    } catch (error) {
      state.fail(errorText(error));
      throw error;
    }
  }

  return {
    platform,
    nouns,
    metrics,
    nonce,

    get broken() {
      return broken;
    },

    async start() {
      await loadState(store, state);
      nouns.order.load();
      for (const part of [
        platform.liveness,
        platform.counts,
        platform.pools,
        nouns.draining,
        nouns.expiry,
        nouns.feeds,
      ]) {
        part.load();
        state.listen((changes) => part.follow(changes));
      }
      state.listen(platform.quotas.follow);
      startJob("follow", follow);
      await nouns.tenants.prepare();
      await nouns.networks.prepare();
      startJob("expiry", nouns.expiry.run);
      startJob("draining", nouns.draining.run);
      startJob("beat", nouns.feeds.run);
      startJob("refusals", nouns.refusals.run);
      startJob("ledger order", nouns.order.run);
      startJob("ledger retention", nouns.retention.run);
      startJob("adoption", nouns.adoption.run);
      if (options.gc === true) startJob("gc", collector.run);
      broken = undefined;
    },

    async stop() {
      stopping.abort();
      broken = "stopped";
      await Promise.all(jobs);
    },
  };
}

function createPlatform(
  { store, clock, logger }: EngineDependencies,
  options: EngineOptions,
  { metrics, nonce }: { readonly metrics: Metrics; readonly nonce: string },
): Platform {
  const state = new State();
  const outcomes = {
    committed: () => metrics.add("commits_total"),
    overtaken: () => metrics.add("commit_conflicts_total"),
  };
  const idempotency = createIdempotency({ store, clock });
  const changer = createChanger({ store, state, idempotency, counts: outcomes });
  const counts = createUsageCounts(state);
  return {
    store,
    state,
    clock,
    logger,
    idempotency,
    changer,
    counts,
    quotas: createQuotas({ state, changer, counts, clock }, nonce),
    pools: createPools({ state, clock }),
    liveness: createLiveness({ state, changer, clock, nonce }, { timeout: options.nodeTimeout }),
    rules: options,
  };
}
