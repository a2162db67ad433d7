import type { Client } from "@holdfast/client";
import type { Clock, ListenAddress, Logger } from "@holdfast/core";
import type { FlowStatus } from "@holdfast/model";
import type { Store } from "@holdfast/store";
import { type Alarms, openAlarms } from "./alarms/alarms.ts";
import { createAlarmApi } from "./api/alarm-api.ts";
import { createAskerCheck } from "./api/asker.ts";
import { createFlowApi, type FlowApi } from "./api/flow-api.ts";
import { createTail } from "./api/tail.ts";
import { createPortCounters } from "./counters/port-counters.ts";
import { createDropFollower } from "./drops/follow-drops.ts";
import { createInventory } from "./inventory/inventory.ts";
import type { FlowList } from "./list/flow-list.ts";
import type { NamedPrefix } from "./naming/named-prefixes.ts";
import { nameByPrefixes } from "./naming/named-prefixes.ts";
import { createNaming, nobodyInside } from "./naming/naming.ts";
import { createPipeline } from "./pipeline/pipeline.ts";
import { followKernelDrops } from "./receiver/kernel-drops.ts";
import { startMemorySource, type TrafficSource } from "./receiver/traffic-source.ts";
import type { SampledWindow } from "./receiver/windowing.ts";
import { alarmFamilies } from "./status/alarm-metrics.ts";
import { createEndpointTraffic } from "./status/endpoint-traffic.ts";
import { listFamilies } from "./status/list-metrics.ts";
import { portFamilies } from "./status/port-metrics.ts";
import { startStatusServer } from "./status/status-server.ts";
import { storeFamilies } from "./status/store-metrics.ts";
import { streamFamilies } from "./status/stream-metrics.ts";
import { DEFAULT_TIERS, type FlowStore, type TierSettings } from "./store/store.ts";
import { createSteadyStore } from "./stream/steady-store.ts";
import { streamCheckpoint } from "./stream/stream-checkpoint.ts";
import type { StreamOptions } from "./stream/stream-options.ts";
import { startStreamSource } from "./stream/stream-source.ts";
import { withStream } from "./stream/stream-status.ts";
import { createDestinations, type DestinationSettings } from "./webhooks/destinations.ts";
import { createWebhookSender, machineNames } from "./webhooks/sender.ts";
import type { WindowStore } from "./windows/store.ts";

/** Takes sFlow, turns it into windows of traffic with names, hands them to a store, and says how it does. */
export interface Collector {
  /** UDP, where sFlow is taken; 0: another process takes it. */
  readonly port: number;
  readonly statusAddress: ListenAddress;
  status(): FlowStatus;
  /** Resolves when it has stopped. @throws HoldfastError when it failed and takes no more. */
  readonly ended: Promise<void>;
  /** Takes no more, and hands what it has to the store before it resolves. */
  stop(): Promise<void>;
}

export interface CollectorDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: WindowStore;
  /** The same store, if it is one that can be asked. Absent: nobody can ask about flows. */
  readonly flows?: FlowStore | undefined;
  /** Where alarms are kept. Absent: there are none. */
  readonly alarms?: Store | undefined;
  /** That others take flows from. Absent: there is none. */
  readonly list?: FlowList | undefined;
  /** Of the controller that knows the names. Absent: nobody inside has one. */
  readonly client?: Client;
}

export interface CollectorOptions {
  readonly listen: ListenAddress;
  readonly status: ListenAddress;
  /** Bytes. */
  readonly receiveBuffer: number;
  /** Milliseconds. */
  readonly settle: number;
  /** Bytes. */
  readonly holdMemory: number;
  readonly prefixes: readonly NamedPrefix[];
  /** Bearer token that questions about flows must carry. Absent: only this machine may ask. */
  readonly token?: string | undefined;
  /** Identities that have counters of their own in the metrics. Absent: none. */
  readonly endpointMetrics?: number;
  /** Of the store that can be asked. Absent: the usual ones. */
  readonly tiers?: TierSettings;
  /** Sampled packets of a window that are kept one by one; of more, some. Absent: none. */
  readonly windowSamples?: number;
  /** Seconds of a window. Absent: 10. */
  readonly windowSeconds?: number;
  /** Where alarms of tenants may send to. Absent: where nobody says anything against it. */
  readonly webhooks?: DestinationSettings;
  /** Of Redis, through which datagrams go. Absent: they go through memory. */
  readonly stream?: StreamOptions | undefined;
}

const NOWHERE_ELSE: DestinationSettings = { allow: { prefixes: [], hosts: [] }, platformHosts: [] };

/** @throws HoldfastError `conflict` or `unavailable` when it cannot listen. */
export async function startCollector(
  { clock, logger, store, flows, list, client, alarms: alarmStore }: CollectorDependencies,
  options: CollectorOptions,
): Promise<Collector> {
  const { listen, windowSeconds = 10, endpointMetrics = 0, tiers = DEFAULT_TIERS } = options;
  const tail = createTail();
  const endpoints = createEndpointTraffic(endpointMetrics);
  const startedAt = clock.now().toISOString();
  const ending = new AbortController();
  const steady = createSteadyStore({ clock, logger, store, kept: (origin) => source.kept(origin) }, ending.signal);
  const told: WindowStore = {
    ...store,
    take(window) {
      tail.take(window);
      endpoints.take(window);
      list?.take(window);
      const kept = steady.take(window);
      alarms?.follow(window, kept);
      return kept;
    },
  };
  let learn: TrafficSource["learn"] = () => undefined;
  const inventory = client && createInventory({ client, clock, logger, tell: (changes) => learn(changes) });
  const inside = inventory ?? nobodyInside;
  const policyDrops = client && createDropFollower({ client, clock, logger });
  const name = createNaming(inside, nameByPrefixes(options.prefixes));
  await using undo = new AsyncDisposableStack();
  const destinations = createDestinations(machineNames, options.webhooks ?? NOWHERE_ELSE);
  const alarms: Alarms | undefined =
    alarmStore &&
    (await openAlarms({
      book: alarmStore,
      store: flows,
      exporters: () => status().exporters,
      drops: (now) => ports.dropping(now),
      heardDrops: policyDrops?.heard,
      send: createWebhookSender(destinations),
      whyRefused: destinations.whyRefused,
      clock,
      logger,
      random: Math.random,
      nonce: () => crypto.randomUUID(),
    }));
  undo.defer(() => alarms?.stop());
  if (alarms !== undefined) undo.use(runInBackground((signal) => alarms.run(signal)));
  const drops = followKernelDrops(clock);
  undo.defer(() => drops.stop());
  const ports = createPortCounters(inside);
  const pipeline = createPipeline({ clock, logger, store: told, name, kernelDrops: drops.count }, windowSeconds);
  const onWindow = (window: SampledWindow): void => {
    pipeline.take(window, { counts: ports.take(window.interfaces ?? []), drops: policyDrops?.drain() ?? [] });
  };
  const place = {
    address: listen.host,
    port: listen.port,
    receiveBufferBytes: options.receiveBuffer,
    windowMs: windowSeconds * 1000,
    settleMs: options.settle,
    holdBytes: options.holdMemory,
    windowSamples: options.windowSamples ?? 0,
  };
  const { stream: streamed } = options;
  const stream =
    streamed &&
    (await startStreamSource(
      {
        logger,
        onWindow,
        checkpoint: async () => {
          // What was dropped while another one read is in that one's windows.
          policyDrops?.drain();
          return await streamCheckpoint({ clock, logger, store, inventory }, streamed.key, ending.signal)();
        },
        storeError: () => steady.error,
      },
      { ...place, ...streamed },
    ));
  const source: TrafficSource = stream ?? (await startMemorySource({ logger, onWindow }, place));
  undo.defer(async () => {
    await source.pause();
    ending.abort();
    await pipeline.settled();
    await source.stop();
  });
  if (source.port !== 0) await drops.start(source.port);
  learn = source.learn;
  if (inventory !== undefined) undo.use(runInBackground((signal) => inventory.run(signal)));
  if (policyDrops !== undefined) undo.use(runInBackground((signal) => policyDrops.run(signal)));
  const status = (): FlowStatus => ({
    startedAt,
    ...withStream(pipeline.status(inside.nodeOf), stream?.status()),
    ...(list === undefined ? {} : { list: list.status() }),
    inventory: inventory?.status() ?? { state: "off", since: startedAt, endpoints: 0, nodes: 0 },
  });
  const families = () => [
    ...endpoints.families(),
    ...portFamilies(ports, endpointMetrics),
    ...(flows === undefined ? [] : storeFamilies(flows.state())),
    ...(stream === undefined ? [] : streamFamilies(stream.status())),
    ...(alarms === undefined ? [] : alarmFamilies(alarms.figures())),
    ...(list === undefined ? [] : listFamilies(list.status())),
  ];
  const api = createFlowApi({ store: flows, tail, ports, clock, logger }, { tiers, token: options.token });
  const checkAsker = createAskerCheck(options.token);
  const alarmApi = createAlarmApi({ alarms, checkAsker, logger });
  const answers: FlowApi = (request, response) => alarmApi(request, response) || api(request, response);
  const server = await startStatusServer({ status, families, flows: answers }, options.status);
  undo.defer(async () => {
    tail.close();
    await server.stop();
  });
  const running = undo.move();
  return {
    port: source.port,
    statusAddress: server.address,
    status,
    ended: source.ended,
    stop: () => running.disposeAsync(),
  };
}

/** Work that ends when it is disposed of. */
function runInBackground(work: (signal: AbortSignal) => Promise<void>): AsyncDisposable {
  const ending = new AbortController();
  const ended = work(ending.signal);
  return {
    async [Symbol.asyncDispose]() {
      ending.abort();
      await ended;
    },
  };
}
