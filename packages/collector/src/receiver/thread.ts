import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { assert, isHoldfastError } from "@holdfast/core";
import { createAggregator, createSflowDecoder } from "@holdfast/flow";
import type { FromThread, ToThread } from "./messages.ts";
import { openUdpSocket, type UdpSocket, type UdpSocketOptions } from "./udp-socket.ts";

/** The receiving thread: takes datagrams, decodes and adds up, and nothing else, so that no question that people ask keeps it from the next one. */
assert(parentPort !== null, "the receiving thread has a parent");
await run(parentPort, workerData as UdpSocketOptions);

async function run(parent: MessagePort, options: UdpSocketOptions): Promise<void> {
  const say = (message: FromThread, moved: ArrayBuffer[] = []): void => parent.postMessage(message, moved);
  const decoder = createSflowDecoder();
  const aggregator = createAggregator();
  const taken = { datagrams: 0, bytes: 0, samples: 0 };

  function take(bytes: Uint8Array): void {
    taken.datagrams += 1;
    taken.bytes += bytes.byteLength;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!decoder.decode(view, 0, bytes.byteLength)) return;
    taken.samples += decoder.datagram.sampleCount;
    aggregator.take(decoder.datagram);
  }

  let socket: UdpSocket;
  try {
    socket = await openUdpSocket(options, take);
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    say({ kind: "failed", code: error.code, message: error.message });
    return;
  }
  parent.on("message", (message: ToThread) => {
    switch (message.kind) {
      case "drain": {
        const traffic = aggregator.drain();
        const drained = { traffic, taken: { ...taken }, decoder: decoder.totals() };
        say({ kind: "drained", id: message.id, drained }, [traffic.keys.buffer, traffic.sums.buffer]);
        return;
      }
      case "stop":
        parent.close();
        void socket.close();
    }
  });
  say({ kind: "ready", port: socket.port, receiveBufferBytes: socket.receiveBufferBytes });
}
