import { createSocket, type Socket } from "node:dgram";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createMessageBatch } from "./message-batch.ts";
import { openUdpSocket, type UdpSocket } from "./udp-socket.ts";

const LOOPBACK = "127.0.0.1";
const ROUNDS = 20;
/** Of 1 MiB. */
const GATHERING_MS = 0.25;
/** Half of what `receive` waits for the first one. */
const NO_WAIT_MS = 25;

let sender: Socket;
beforeEach(() => {
  sender = createSocket("udp4");
});
afterEach(async () => {
  await new Promise<void>((resolve) => sender.close(resolve));
});

const send = (port: number): Promise<void> =>
  new Promise((resolve, reject) =>
    sender.send(new Uint8Array(100), port, LOOPBACK, (error) => (error === null ? resolve() : reject(error))),
  );

/** Milliseconds of each call, of which each finds one datagram. */
async function callsOf(socket: UdpSocket, batchSize: number): Promise<number[]> {
  const batch = createMessageBatch(batchSize);
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await send(socket.port);
    const before = performance.now();
    expect(socket.receive(batch)).toBe(1);
    took.push(performance.now() - before);
  }
  return took;
}

function open(receiveBufferBytes: number): Disposable & UdpSocket {
  const socket = openUdpSocket({ address: LOOPBACK, port: 0, receiveBufferBytes });
  return { ...socket, [Symbol.dispose]: socket.close };
}

describe("a socket", () => {
  test("waits a moment for more after a batch that was not full, and sees what came meanwhile", async () => {
    using socket = open(1024 * 1024);
    const [, ...later] = await callsOf(socket, 32);
    expect(Math.min(...later)).toBeGreaterThanOrEqual(GATHERING_MS);
    await send(socket.port);
    await send(socket.port);
    expect(socket.receive(createMessageBatch(32))).toBe(2);
  });

  test("does not after a full batch, for there may be more already", async () => {
    using socket = open(1024 * 1024);
    expect(Math.min(...(await callsOf(socket, 1)))).toBeLessThan(GATHERING_MS);
  });

  test("does not when its buffer has no room for what may come", async () => {
    using socket = open(65_536);
    expect(Math.min(...(await callsOf(socket, 32)))).toBeLessThan(GATHERING_MS);
  });

  test("that is polled gives what is there, and waits for nothing", async () => {
    using socket = open(1024 * 1024);
    const batch = createMessageBatch(32);
    const before = performance.now();
    expect(socket.poll(batch)).toBe(0);
    expect(performance.now() - before).toBeLessThan(NO_WAIT_MS);
    await send(socket.port);
    expect([socket.poll(batch), socket.poll(batch)]).toEqual([1, 0]);
  });
});
