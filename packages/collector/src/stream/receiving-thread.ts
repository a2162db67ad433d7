import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { assert, isHoldfastError } from "@holdfast/core";
import { createMessageBatch } from "../receiver/message-batch.ts";
import type { ThreadStart } from "../receiver/own-thread.ts";
import { openUdpSocket, type UdpSocket } from "../receiver/udp-socket.ts";
import { createAppender } from "./appender.ts";
import { createOutbox } from "./outbox.ts";
import type { FromReceiving, ReceivingOptions } from "./receiving-messages.ts";
import { openRedis } from "./redis.ts";

/** So many datagrams one call of the kernel gives at most. */
const BATCH = 32;
/** Of what is still there when it is told to stop. */
const LAST_BATCHES = 10_000;
/** Milliseconds that Redis has for what waits when the receiver stops. */
const LAST_PATIENCE = 5000;
const TELL_AFTER = 1000;
/** For which it waits for Redis before it looks for datagrams again: even a small buffer has room for those of a millisecond. */
const LOOK_AFTER = 1;

/**
 * The receiving thread before a stream: takes datagrams and gives them to Redis, unread. While nothing is on its way to Redis it waits in the kernel for
 * datagrams; else it only looks for them, and waits for the connection, which would stand still for as long as the thread is in the kernel.
 */
assert(parentPort !== null, "the receiving thread has a parent");
const parent = parentPort;
const { options, orders } = workerData as ThreadStart<ReceivingOptions>;
const socket = open();
if (socket !== undefined) await run(socket);

function open(): UdpSocket | undefined {
  try {
    return openUdpSocket(options);
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    tell({ kind: "failed", code: error.code, message: error.message });
    orders.close();
    return undefined;
  }
}

async function run(from: UdpSocket): Promise<void> {
  const redis = openRedis(options.redis);
  const outbox = createOutbox(options.from, options.holdBytes);
  const appender = createAppender(redis, outbox, { key: options.key, mostBytes: options.streamBytes });
  const batch = createMessageBatch(BATCH);
  let bytes = 0;
  let told = 0;
  let isStopping = false;
  orders.on("message", () => {
    isStopping = true;
  });

  function takeBatch(isWaiting: boolean): number {
    const count = isWaiting ? from.receive(batch) : from.poll(batch);
    const now = Date.now();
    for (let index = 0; index < count; index++) {
      bytes += batch.lengthOf(index);
      outbox.add(batch.view, batch.startOf(index), batch.lengthOf(index), now);
    }
    return count;
  }

  function tellState(): void {
    told = Date.now();
    const { error } = appender;
    // Redis may be reached and refuse all the same.
    const state = error === undefined ? redis.state() : { ...redis.state(), error };
    tell({ kind: "state", state: { redis: state, counts: { ...outbox.counts, bytes }, stream: appender.stream } });
  }

  /** @param isEmptied no datagram waits for the thread */
  async function letRedisGoOn(isEmptied: boolean): Promise<void> {
    await (appender.isBusy && isEmptied ? pause(LOOK_AFTER) : turn());
  }

  tell({ kind: "ready", port: from.port, receiveBufferBytes: from.receiveBufferBytes });
  while (!isStopping) {
    const count = takeBatch(!appender.isBusy);
    appender.flush();
    if (Date.now() - told >= TELL_AFTER) tellState();
    await letRedisGoOn(count < BATCH);
  }
  // What the kernel holds has arrived; senders go on, so that there may be no end of it.
  for (let batches = 0; batches < LAST_BATCHES && takeBatch(false) === BATCH; ) batches += 1;
  from.close();
  for (const until = Date.now() + LAST_PATIENCE; outbox.counts.waiting > 0 && Date.now() < until; ) {
    appender.flush();
    await turn();
  }
  tellState();
  await redis[Symbol.asyncDispose]();
  orders.close();
}

function tell(message: FromReceiving): void {
  parent.postMessage(message);
}
