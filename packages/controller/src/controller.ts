import { randomUUID } from "node:crypto";
import type { AddressInfo } from "node:net";
import { type Clock, errorText, HoldfastError, type Logger } from "@holdfast/core";
import type { Store } from "@holdfast/store";
import { createChanger } from "./change.ts";
import type { ControllerConfig, ListenAddress } from "./config.ts";
import { followStore, loadState } from "./following.ts";
import { createApp, type Pages } from "./http/app.ts";
import { checkExposure, createAuthentication } from "./http/auth.ts";
import { docsPage } from "./http/docs-page.ts";
import { createHandlers } from "./http/handlers.ts";
import { openApiDocument } from "./http/openapi.ts";
import { createStreams } from "./http/streams.ts";
import { createIdempotency } from "./idempotency.ts";
import { createLiveness } from "./liveness.ts";
import { Metrics } from "./metrics.ts";
import { createNouns, type Nouns } from "./nouns.ts";
import type { Platform } from "./platform.ts";
import { createPools } from "./pools.ts";
import { State } from "./state.ts";

export interface ControllerDependencies {
  /** Stays open when the controller stops: who opened it closes it. */
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Everything of {@link ControllerConfig} but the file, which the store is. */
export type ControllerOptions = Omit<ControllerConfig, "data">;

/** The REST API over a store, and the jobs that belong to it. */
export interface Controller {
  /**
   * Resolves when requests are answered.
   *
   * @throws HoldfastError `precondition_failed`: it would be open to everybody; `unavailable`: the address cannot be had.
   */
  start(): Promise<void>;
  /** Ends every connection and job. Stopping what is stopped is no error. */
  stop(): Promise<void>;
  /** Where it listens, once it does; `port` is the real one. */
  readonly address: ListenAddress;
}

const LEDGER_ROUND = 24 * 3_600_000;

export function createController(dependencies: ControllerDependencies, options: ControllerOptions): Controller {
  const { store, clock } = dependencies;
  const logger = dependencies.logger.child({ component: "controller" });
  const stopping = new AbortController();
  const jobs: Promise<void>[] = [];
  const metrics = new Metrics();
  const state = new State();
  const platform = createPlatform({ store, clock, logger }, options, { state, metrics });
  const nouns = createNouns(platform, {
    beat: options.beat,
    nodeTimeout: options.nodeTimeout,
    nonce: randomUUID().slice(0, 8),
    feedDropped: () => metrics.add("feeds_dropped_total"),
    expired: (what) => metrics.add("expired_total", `what="${what}"`),
  });
  let broken: string | undefined = "starting";
  const document = openApiDocument();
  const app = createApp({
    handlers: createHandlers(platform, nouns),
    streams: createStreams(platform, nouns, { beat: options.beat, metrics, signal: stopping.signal }),
    pages: pagesOf({ document, platform, nouns, metrics, whyBroken: () => broken }),
    authenticate: createAuthentication(options.token),
    metrics,
    logger,
  });
  let address: ListenAddress = options.listen;

  /** Runs until the controller stops; a job that ends before has failed, and the controller with it. */
  function startJob(name: string, run: (signal: AbortSignal) => Promise<void>): void {
    const job = run(stopping.signal).catch((error: unknown) => {
      if (stopping.signal.aborted) return;
      broken = `${name}: ${errorText(error)}`;
      logger.error("job failed", { job: name, error: errorText(error) });
    });
    jobs.push(job);
  }

  async function trimLedger(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const before = new Date(clock.now().getTime() - options.ledgerRetention);
      const forgotten = await nouns.ledger.forgetBefore(before, signal);
      if (forgotten > 0) logger.info("old history forgotten", { entries: forgotten });
      await clock.wait(LEDGER_ROUND, signal);
    }
  }

  async function stop(): Promise<void> {
    stopping.abort();
    nouns.feeds.close();
    await app.close();
    await Promise.all(jobs);
  }

  return {
    get address() {
      return address;
    },

    async start() {
      const { listen, token, insecure } = options;
      checkExposure({ host: listen.host, token, insecure });
      try {
        await loadState(store, state);
        for (const part of [platform.pools, nouns.expiry, nouns.feeds]) {
          part.load();
          state.listen((changes) => part.follow(changes));
        }
        startJob("follow", (signal) => followStore({ store, state, clock, logger }, signal));
        await nouns.tenants.prepare();
        await nouns.networks.prepare();
        startJob("expiry", nouns.expiry.run);
        startJob("beat", nouns.feeds.run);
        startJob("ledger", trimLedger);
        address = await listenOn(app, listen);
        broken = undefined;
        logger.info("controller listens", { host: address.host, port: address.port, revision: state.revision });
      } catch (error) {
        await stop();
        throw error;
      }
    },

    stop,
  };
}

function createPlatform(
  { store, clock, logger }: ControllerDependencies,
  options: ControllerOptions,
  { state, metrics }: { readonly state: State; readonly metrics: Metrics },
): Platform {
  const counts = {
    committed: () => metrics.add("commits_total"),
    overtaken: () => metrics.add("commit_conflicts_total"),
  };
  return {
    store,
    state,
    clock,
    logger,
    changer: createChanger({ store, state, idempotency: createIdempotency({ store, clock }), counts }),
    pools: createPools({ state, clock }),
    liveness: createLiveness({ clock }, { timeout: options.nodeTimeout }),
    rules: options,
  };
}

async function listenOn(app: ReturnType<typeof createApp>, listen: ListenAddress): Promise<ListenAddress> {
  try {
    await app.listen({ host: listen.host, port: listen.port });
  } catch (error) {
    const where = `${listen.host}:${listen.port}`;
    throw new HoldfastError("unavailable", `cannot listen on ${where}: ${errorText(error)}`, {
      cause: error,
      retryable: false,
    });
  }
  const { port } = app.server.address() as AddressInfo;
  return { host: listen.host, port };
}

function pagesOf(parts: {
  readonly document: ReturnType<typeof openApiDocument>;
  readonly platform: Platform;
  readonly nouns: Nouns;
  readonly metrics: Metrics;
  readonly whyBroken: () => string | undefined;
}): Pages {
  const { document, platform, nouns, metrics } = parts;
  const { state, store } = platform;
  return {
    openapi: JSON.stringify(document),
    docs: docsPage(document),
    metrics() {
      metrics.set("revision", "", state.revision);
      metrics.set("feeds", "", nouns.feeds.connections);
      metrics.set("tenants", "", state.tenants.size);
      metrics.set("endpoints", "", state.endpoints.size);
      const networks = [...state.networks.values()].flatMap((ofTenant) => [...ofTenant.values()]);
      metrics.set("networks", "", networks.filter(({ record }) => record !== undefined).length);
      metrics.set(
        "claims",
        "",
        networks.reduce((sum, { claims }) => sum + claims.size, 0),
      );
      const silent = [...state.nodes.keys()].filter((node) => platform.liveness.isSilent(node)).length;
      metrics.set("nodes", 'state="silent"', silent);
      metrics.set("nodes", 'state="ready"', state.nodes.size - silent);
      return String(metrics);
    },
    async whyNotReady() {
      const broken = parts.whyBroken();
      if (broken !== undefined) return broken;
      try {
        await store.revision();
        return undefined;
      } catch (error) {
        return errorText(error);
      }
    },
  };
}
