import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { assert, isHoldfastError } from "@holdfast/core";
import { createMessageBatch } from "./message-batch.ts";
import type { FromThread, ReceiverOptions, ToThread } from "./messages.ts";
import type { ThreadStart } from "./own-thread.ts";
import { openUdpSocket, type UdpSocket, type UdpSocketOptions } from "./udp-socket.ts";
import { createWindowing, type SampledWindow, type WindowingOptions } from "./windowing.ts";

/** So many datagrams one call of the kernel gives at most. */
const BATCH = 32;
/**
 * So many are read between two batches, of those that have been held back: more than come, so that it catches up, and few, so that the kernel's buffer is
 * looked after all the while. What came in one moment, after the thread or the machine stood still, has settled in one moment as well.
 */
const MOST_READ = 2 * BATCH;
/** So many messages are looked at between two batches: the buffer of the socket fills meanwhile. */
const MOST_MESSAGES = 8;
/** Of what is still there when it is told to stop. */
const LAST_BATCHES = 10_000;

/**
 * The receiving thread: takes datagrams, decodes and adds up, and nothing else, so that no question that people ask keeps it from the next one. It
 * has no event loop: it waits in the kernel, and looks for messages between two batches.
 */
assert(parentPort !== null, "the receiving thread has a parent");
const { options, orders } = workerData as ThreadStart<ReceiverOptions>;
const socket = open(parentPort, options);
if (socket !== undefined) run(parentPort, orders, { socket, options });

function open(parent: MessagePort, wanted: UdpSocketOptions): UdpSocket | undefined {
  try {
    return openUdpSocket(wanted);
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    tell(parent, { kind: "failed", code: error.code, message: error.message });
    return undefined;
  }
}

function run(
  parent: MessagePort,
  asked: MessagePort,
  from: { readonly socket: UdpSocket; readonly options: WindowingOptions },
): void {
  const windowing = createWindowing((window) => hand(parent, window), from.options);
  const batch = createMessageBatch(BATCH);
  /** More has been held back long enough than was read. */
  let isBehind = false;

  function takeBatch(): number {
    const count = isBehind ? from.socket.poll(batch) : from.socket.receive(batch);
    const now = Date.now();
    for (let index = 0; index < count; index++)
      windowing.take(batch.view, batch.startOf(index), batch.lengthOf(index), now);
    isBehind = windowing.advance(now, MOST_READ);
    return count;
  }

  tell(parent, { kind: "ready", port: from.socket.port, receiveBufferBytes: from.socket.receiveBufferBytes });
  /** False: it is to stop. */
  function takeMessages(): boolean {
    for (let count = 0; count < MOST_MESSAGES; count++) {
      const message = nextMessage(asked);
      if (message?.kind === "stop") return false;
      if (message === undefined) return true;
      windowing.learn(message.changes);
    }
    return true;
  }

  do takeBatch();
  while (takeMessages());
  // What the kernel holds has arrived; senders go on, so that there may be no end of it.
  for (let batches = 0; batches < LAST_BATCHES && takeBatch() === BATCH; ) batches += 1;
  from.socket.close();
  windowing.finish();
  asked.close();
}

function hand(parent: MessagePort, window: SampledWindow): void {
  const { keys, sums, picked } = window.traffic;
  tell(parent, { kind: "window", window }, [keys.buffer, sums.buffer, picked.keys.buffer, picked.details.buffer]);
}

function nextMessage(port: MessagePort): ToThread | undefined {
  return (receiveMessageOnPort(port) as { message: ToThread } | undefined)?.message;
}

function tell(parent: MessagePort, message: FromThread, moved: ArrayBuffer[] = []): void {
  parent.postMessage(message, moved);
}
