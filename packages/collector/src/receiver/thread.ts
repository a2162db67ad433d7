import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { assert, isHoldfastError } from "@holdfast/core";
import { createAggregator, createSflowDecoder } from "@holdfast/flow";
import { createMessageBatch } from "./message-batch.ts";
import type { FromThread, ThreadStart, ToThread } from "./messages.ts";
import { openUdpSocket, type UdpSocket, type UdpSocketOptions } from "./udp-socket.ts";

/** So many datagrams one call of the kernel gives at most. */
const BATCH = 32;

/**
 * The receiving thread: takes datagrams, decodes and adds up, and nothing else, so that no question that people ask keeps it from the next one. It
 * has no event loop: it waits in the kernel, and looks for messages between two batches.
 */
assert(parentPort !== null, "the receiving thread has a parent");
const { options, questions } = workerData as ThreadStart;
const socket = open(parentPort, options);
if (socket !== undefined) run(parentPort, questions, socket);

function open(parent: MessagePort, wanted: UdpSocketOptions): UdpSocket | undefined {
  try {
    return openUdpSocket(wanted);
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    tell(parent, { kind: "failed", code: error.code, message: error.message });
    return undefined;
  }
}

function run(parent: MessagePort, asked: MessagePort, from: UdpSocket): void {
  const decoder = createSflowDecoder();
  const aggregator = createAggregator();
  const batch = createMessageBatch(BATCH);
  const taken = { datagrams: 0, bytes: 0, samples: 0 };

  function take(start: number, length: number): void {
    taken.datagrams += 1;
    taken.bytes += length;
    if (!decoder.decode(batch.view, start, start + length)) return;
    taken.samples += decoder.datagram.sampleCount;
    aggregator.take(decoder.datagram);
  }

  function answer(id: number): void {
    const traffic = aggregator.drain();
    const drained = { traffic, taken: { ...taken }, decoder: decoder.totals() };
    tell(parent, { kind: "drained", id, drained }, [traffic.keys.buffer, traffic.sums.buffer]);
  }

  tell(parent, { kind: "ready", port: from.port, receiveBufferBytes: from.receiveBufferBytes });
  for (;;) {
    const count = from.receive(batch);
    for (let index = 0; index < count; index++) take(batch.startOf(index), batch.lengthOf(index));
    const message = nextMessage(asked);
    if (message?.kind === "drain") answer(message.id);
    if (message?.kind === "stop") break;
  }
  from.close();
  asked.close();
}

function nextMessage(port: MessagePort): ToThread | undefined {
  return (receiveMessageOnPort(port) as { message: ToThread } | undefined)?.message;
}

function tell(parent: MessagePort, message: FromThread, moved: ArrayBuffer[] = []): void {
  parent.postMessage(message, moved);
}
