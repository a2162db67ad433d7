import { expect, test } from "vitest";
import { readCapture } from "./read-capture.ts";
import { createUdpFinder } from "./udp.ts";
import { pcapDatagram, pcapHead } from "./write-pcap.ts";

async function* pieces(...bytes: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* bytes;
}

test("datagrams that are written to a capture are read back, with their times", async () => {
  const payloads = [Uint8Array.of(1, 2, 3), new Uint8Array(65_507).fill(7), new Uint8Array(0)];
  const at = Date.UTC(2026, 10, 20, 10, 0, 0, 123);
  const file = pieces(pcapHead(), ...payloads.map((payload, index) => pcapDatagram(payload, at + index, 6343)));
  const find = createUdpFinder(6343);
  const found: unknown[] = [];
  for await (const packet of readCapture(file)) {
    const one = find(packet);
    if (one.kind !== "datagram") throw new TypeError(one.kind);
    const { buffer, byteOffset, byteLength } = one.payload;
    found.push([packet.time, one.source, Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)]);
  }
  const seconds = Math.floor(at / 1000);
  expect(found).toEqual(
    payloads.map((payload, index) => [
      { seconds, nanoseconds: (123 + index) * 1_000_000 },
      "127.0.0.1",
      Buffer.from(payload),
    ]),
  );
});
