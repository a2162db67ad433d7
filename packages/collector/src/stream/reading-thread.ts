import { parentPort, workerData } from "node:worker_threads";
import { assert, systemClock } from "@holdfast/core";
import type { ThreadStart } from "../receiver/own-thread.ts";
import { createConsumerGroup } from "./consumer-group.ts";
import { createLease } from "./lease.ts";
import { createReader } from "./reader.ts";
import type { FromReading, ReadingOptions, ReadingState, ToReading } from "./reading-messages.ts";
import { openRedis } from "./redis.ts";
import { createStreamWindows, type StreamWindow } from "./stream-windows.ts";

const TELL_AFTER = 1000;

/**
 * The reading thread: takes the stream's datagrams, decodes and adds up, and acknowledges what the store has. Another reader has the same stream only
 * when this one is gone.
 */
assert(parentPort !== null, "the reading thread has a parent");
const parent = parentPort;
const { options, orders } = workerData as ThreadStart<ReadingOptions>;
const { key, consumer, settleMs } = options;
const pausing = new AbortController();
const stopping = Promise.withResolvers<void>();
const beginning = Promise.withResolvers<string | undefined>();
const [asking, waiting] = [openRedis(options.redis), openRedis(options.redis)];
const group = createConsumerGroup({ asking, waiting }, key, consumer);
const lease = createLease(asking, key, consumer);
const reader = createReader({ clock: systemClock, group, lease }, settleMs);
const windows = createStreamWindows(hand, options);
let isReading = false;

orders.on("message", hear);
tell({ kind: "ready" });
const telling = setInterval(() => tell({ kind: "state", state: state() }), TELL_AFTER);
await read().catch((error: unknown) => {
  if (!pausing.signal.aborted) throw error;
});
await stopping.promise;
clearInterval(telling);
tell({ kind: "state", state: state() });
await lease.release().catch(() => undefined);
await Promise.all([asking, waiting].map((redis) => redis[Symbol.asyncDispose]()));
orders.close();

async function read(): Promise<void> {
  await reader.hold(pausing.signal);
  tell({ kind: "holding" });
  // Names and the store may take longer than a lease lasts.
  const checkpoint = await reader.keepUntil(checkpointToBegin(), pausing.signal);
  pausing.signal.throwIfAborted();
  windows.begin(checkpoint);
  isReading = true;
  await reader.run(windows, pausing.signal);
}

async function checkpointToBegin(): Promise<string | undefined> {
  return (await beginning.promise) ?? (await lastAcknowledged());
}

async function lastAcknowledged(): Promise<string | undefined> {
  for (;;) {
    try {
      return await group.checkpoint();
    } catch {
      await systemClock.wait(TELL_AFTER, pausing.signal);
    }
  }
}

function hear(message: ToReading): void {
  switch (message.kind) {
    case "begin":
      beginning.resolve(message.checkpoint);
      return;
    case "inventory":
      windows.learn(message.changes);
      return;
    case "kept": {
      const ids = windows.kept(message.number);
      reader.proceed();
      void reader.acknowledge(ids, message.checkpoint);
      return;
    }
    case "pause":
      pause();
      return;
    case "stop":
      pause();
      stopping.resolve();
      return;
  }
}

function pause(): void {
  pausing.abort();
  beginning.resolve(undefined);
}

function state(): ReadingState {
  const away = [asking, waiting].map((redis) => redis.state()).find((one) => one.state === "away");
  const { readUntil, unkept, counts } = windows;
  const isBehind = readUntil > 0 && !reader.isInStep;
  return {
    redis: away ?? asking.state(),
    ...placeInTurn(),
    counts,
    unkept,
    behind: isBehind ? Math.max(0, Date.now() - readUntil - settleMs) : 0,
  };
}

function placeInTurn(): Pick<ReadingState, "state" | "holder"> {
  if (isReading) return { state: "reading" };
  const { holder } = lease;
  return holder === undefined || holder === consumer ? { state: "starting" } : { state: "standby", holder };
}

function hand(made: StreamWindow): void {
  const { keys, sums, picked } = made.window.traffic;
  tell({ kind: "window", made }, [keys.buffer, sums.buffer, picked.keys.buffer, picked.details.buffer]);
}

function tell(message: FromReading, moved: ArrayBuffer[] = []): void {
  parent.postMessage(message, moved);
}
