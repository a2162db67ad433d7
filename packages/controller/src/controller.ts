import type { AddressInfo } from "node:net";
import { type Clock, errorText, HoldfastError, type ListenAddress, type Logger } from "@holdfast/core";
import { createAuthentication } from "@holdfast/http";
import { type FlowExport, flowTargetText } from "@holdfast/model";
import type { Store } from "@holdfast/store";
import type { ControllerConfig } from "./config.ts";
import { createEngine, type Engine } from "./engine.ts";
import { createApp, type Pages } from "./http/app.ts";
import { checkExposure } from "./http/auth.ts";
import { docsPage } from "./http/docs-page.ts";
import { createFairQueue, type FairQueue } from "./http/fair-queue.ts";
import { createHandlers } from "./http/handlers.ts";
import { judgeSamples } from "./http/judged-samples.ts";
import { performWith } from "./http/later.ts";
import { openApiDocument } from "./http/openapi.ts";
import { createStreams } from "./http/streams.ts";
import { setUsageMetrics } from "./networks/usage-metrics.ts";

export interface ControllerDependencies {
  /** Stays open when the controller stops: who opened it closes it. */
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Everything of {@link ControllerConfig} but what the store and the logger are made of. */
export type ControllerOptions = Omit<ControllerConfig, "data" | "logLevel">;

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

export function createController(dependencies: ControllerDependencies, options: ControllerOptions): Controller {
  const logger = dependencies.logger.child({ component: "controller" });
  const engine = createEngine({ ...dependencies, logger }, { ...options, flowExport: flowExportOf(options) });
  const { platform, nouns, metrics } = engine;
  const stopping = new AbortController();
  const queue = createFairQueue(dependencies, {
    atOnce: options.requestsAtOnce,
    mostWaiting: options.requestsWaiting,
    rate: options.tenantRate,
  });
  const tenants: ReadonlyMap<string, unknown> = platform.state.tenants;
  const handlers = createHandlers(platform, nouns);
  const app = createApp({
    handlers,
    acceptLater: ({ id }, { path, ...request }, caller) => {
      const { actor, requestId, ifMatch, idempotency } = caller;
      const once = idempotency && { ...idempotency, route: `${id}, later` };
      const stored = { route: id, request, caller: { actor, requestId, ifMatch }, path };
      return nouns.operations.accept(stored, { ...caller, ifMatch: undefined, idempotency: once });
    },
    streams: createStreams(platform, nouns, {
      beat: options.beat,
      metrics,
      run: engine.nonce,
      signal: stopping.signal,
    }),
    pages: createPages(engine, queue),
    programs: {
      collector: { url: options.collector, token: options.collectorToken },
    },
    additions: { flowSamples: judgeSamples(nouns.sampleVerdict) },
    authenticate: createAuthentication(options.token),
    admission: {
      queue,
      atOnce: options.requestsAtOnce,
      isTenant: (name) => tenants.has(name),
      clock: dependencies.clock,
      stopping: stopping.signal,
    },
    stopping: stopping.signal,
    metrics,
    logger,
  });
  let operations: Promise<void> = Promise.resolve();
  let address: ListenAddress = options.listen;

  async function stop(): Promise<void> {
    // Streams would never end by themselves; requests that have begun are answered.
    stopping.abort();
    nouns.feeds.close();
    await app.close();
    await operations;
    await engine.stop();
  }

  return {
    get address() {
      return address;
    },

    async start() {
      const { listen, token, insecure } = options;
      checkExposure({ host: listen.host, token, insecure });
      try {
        await engine.start();
        operations = nouns.operations.run(performWith(handlers), stopping.signal);
        address = await listenOn(app, listen);
      } catch (error) {
        await stop();
        throw error;
      }
      logger.info("controller listens", { ...address, revision: platform.state.revision });
    },

    stop,
  };
}

function flowExportOf({ sflowTargets, sflowSampling, sflowPolling }: ControllerOptions): FlowExport {
  const pollingSeconds = Math.max(1, Math.round(sflowPolling / 1000));
  return { targets: sflowTargets.map(flowTargetText), sampling: sflowSampling, pollingSeconds };
}

async function listenOn(app: ReturnType<typeof createApp>, listen: ListenAddress): Promise<ListenAddress> {
  try {
    await app.listen({ host: listen.host, port: listen.port });
  } catch (error) {
    const message = `cannot listen on ${listen.host}:${listen.port}: ${errorText(error)}`;
    throw new HoldfastError("unavailable", message, { cause: error, retryable: false });
  }
  const { port } = app.server.address() as AddressInfo;
  return { host: listen.host, port };
}

function createPages(engine: Engine, queue: FairQueue): Pages {
  const { platform, nouns, metrics } = engine;
  const { state, store, liveness } = platform;
  const document = openApiDocument();
  return {
    openapi: JSON.stringify(document),
    docs: docsPage(document),
    metrics() {
      const networks = [...state.networks.values()].flatMap((ofTenant) => [...ofTenant.values()]);
      const silent = [...state.nodes.keys()].filter((node) => liveness.isSilent(node)).length;
      metrics.set("revision", "", state.revision);
      metrics.set("feeds", "", nouns.feeds.connections);
      metrics.set("tenants", "", state.tenants.size);
      metrics.set("endpoints", "", state.endpoints.size);
      metrics.set("networks", "", networks.filter(({ record }) => record !== undefined).length);
      const claims = networks.reduce((sum, network) => sum + network.claims.size, 0);
      metrics.set("claims", "", claims);
      setUsageMetrics(metrics, platform);
      metrics.set("requests", 'state="working"', queue.working);
      metrics.set("requests", 'state="waiting"', queue.waiting);
      metrics.set("nodes", 'state="silent"', silent);
      metrics.set("nodes", 'state="ready"', state.nodes.size - silent);
      return String(metrics);
    },
    async whyNotReady() {
      if (engine.broken !== undefined) return engine.broken;
      try {
        await store.revision();
        return undefined;
      } catch (error) {
        return errorText(error);
      }
    },
  };
}
