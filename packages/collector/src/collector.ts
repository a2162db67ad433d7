import type { Clock, ListenAddress, Logger } from "@holdfast/core";
import type { FlowStatus } from "@holdfast/model";
import type { NamedPrefix } from "./naming/named-prefixes.ts";
import { nameByPrefixes } from "./naming/named-prefixes.ts";
import { nameWithoutInventory } from "./naming/naming.ts";
import { createPipeline } from "./pipeline/pipeline.ts";
import { followKernelDrops } from "./receiver/kernel-drops.ts";
import { startReceiver } from "./receiver/receiver.ts";
import { startStatusServer } from "./status/status-server.ts";
import type { WindowStore } from "./windows/store.ts";

/** Takes sFlow, turns it into windows of traffic with names, hands them to a store, and says how it does. */
export interface Collector {
  /** UDP, where sFlow is taken. */
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
  /** Seconds of a window. Absent: 10. */
  readonly windowSeconds?: number;
}

/** @throws HoldfastError `conflict` or `unavailable` when it cannot listen. */
export async function startCollector(
  { clock, logger, store }: CollectorDependencies,
  options: CollectorOptions,
): Promise<Collector> {
  const { listen, windowSeconds = 10 } = options;
  const startedAt = clock.now().toISOString();
  const name = nameWithoutInventory(nameByPrefixes(options.prefixes));
  await using undo = new AsyncDisposableStack();
  const drops = followKernelDrops(clock);
  undo.defer(() => drops.stop());
  const pipeline = createPipeline({ clock, logger, store, name, kernelDrops: drops.count }, windowSeconds);
  const receiver = await startReceiver(
    { logger, onWindow: pipeline.take },
    {
      address: listen.host,
      port: listen.port,
      receiveBufferBytes: options.receiveBuffer,
      windowMs: windowSeconds * 1000,
      settleMs: options.settle,
      holdBytes: options.holdMemory,
    },
  );
  undo.defer(async () => {
    await receiver.stop();
    await pipeline.settled();
  });
  await drops.start(receiver.port);
  const status = (): FlowStatus => ({
    startedAt,
    ...pipeline.status(() => undefined),
    inventory: { state: "off", since: startedAt, endpoints: 0, nodes: 0 },
  });
  const server = await startStatusServer(status, options.status);
  undo.defer(() => server.stop());
  const running = undo.move();
  return {
    port: receiver.port,
    statusAddress: server.address,
    status,
    ended: receiver.ended,
    stop: () => running.disposeAsync(),
  };
}
