import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import {
  joined,
  pcapFile,
  pcapngBlock,
  pcapngInterface,
  pcapngPacket,
  pcapngSection,
  words,
} from "../testing/capture-file.ts";
import type { CapturedPacket } from "./packet.ts";
import { readCapture } from "./read-capture.ts";

const one = Uint8Array.of(1, 2, 3, 4, 5);
const two = Uint8Array.of(6, 7, 8);

/** In pieces of some bytes, as a pipe may give them. */
async function read(file: Uint8Array, piece = 7): Promise<CapturedPacket[]> {
  const pieces = Array.from({ length: Math.ceil(file.length / piece) }, (_, index) =>
    file.subarray(index * piece, (index + 1) * piece),
  );
  return Array.fromAsync(readCapture(Readable.from(pieces)));
}

/** What was given before it broke, and why it broke. */
async function readBroken(file: Uint8Array): Promise<{ packets: number; why: string }> {
  let packets = 0;
  try {
    for await (const _ of readCapture(Readable.from([file]))) packets++;
  } catch (error) {
    return { packets, why: (error as Error).message };
  }
  return { packets, why: "" };
}

describe("a pcap file", () => {
  test.each([
    { little: true, nanoseconds: false, piece: 1 },
    { little: false, nanoseconds: false, piece: 1000 },
    { little: true, nanoseconds: true, piece: 17 },
    { little: false, nanoseconds: true, piece: 3 },
  ])("is read: little-endian $little, nanoseconds $nanoseconds, in pieces of $piece", async ({ piece, ...options }) => {
    const file = pcapFile(
      [
        { bytes: one, seconds: 1_760_000_000, fraction: 5 },
        { bytes: two, originalLength: 1500 },
      ],
      { linkType: 113, ...options },
    );
    expect(await read(file, piece)).toEqual([
      {
        time: { seconds: 1_760_000_000, nanoseconds: options.nanoseconds ? 5 : 5000 },
        linkType: 113,
        bytes: one,
        originalLength: 5,
        offset: 24,
      },
      { time: { seconds: 0, nanoseconds: 0 }, linkType: 113, bytes: two, originalLength: 1500, offset: 45 },
    ]);
  });

  test("may be empty", async () => {
    expect(await read(pcapFile([]))).toEqual([]);
  });

  const whole = pcapFile([{ bytes: one }, { bytes: two }]);
  test.each([
    {
      name: "inside its header",
      file: whole.subarray(0, 20),
      packets: 0,
      why: "byte 20: the file ends inside its header",
    },
    {
      name: "inside a packet's head",
      file: whole.subarray(0, 50),
      packets: 1,
      why: "byte 45: the file ends inside this packet",
    },
    {
      name: "inside a packet",
      file: whole.subarray(0, -1),
      packets: 1,
      why: "byte 45: the file ends inside this packet",
    },
    {
      name: "with a length that nobody captures",
      file: joined(whole, words(true, 0, 0, 0x7fff_ffff, 0)),
      packets: 2,
      why: "byte 64: a packet of 2147483647 bytes",
    },
    { name: "before it begins", file: new Uint8Array(), packets: 0, why: "byte 0: not a capture" },
    {
      name: "by being something else",
      file: Buffer.from("#!/bin/sh\n"),
      packets: 0,
      why: "byte 0: neither a pcap nor",
    },
  ])("that ends $name is told by its byte, behind the packets before", async ({ file, packets, why }) => {
    const broken = await readBroken(file);
    expect(broken.packets).toBe(packets);
    expect(broken.why).toContain(why);
  });
});

describe("a pcapng file", () => {
  const resolution = (value: number): Uint8Array =>
    Uint8Array.of(9, 0, 1, 0, value, 0, 0, 0, 14, 0, 8, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

  test.each([1, 10, 1000])("is read, in pieces of %i", async (piece) => {
    const file = joined(
      pcapngSection(),
      pcapngInterface(1),
      pcapngInterface(276, resolution(9)),
      pcapngBlock(0x0bad, Uint8Array.of(1, 2, 3)),
      pcapngPacket(one, 1_760_000_000_000_005n),
      pcapngPacket(two, 7_000_000_001n, 1),
    );
    expect(await read(file, piece)).toEqual([
      { time: { seconds: 1_760_000_000, nanoseconds: 5000 }, linkType: 1, bytes: one, originalLength: 5, offset: 108 },
      { time: { seconds: 107, nanoseconds: 1 }, linkType: 276, bytes: two, originalLength: 3, offset: 148 },
    ]);
  });

  test("says its byte order and its interfaces anew in each section", async () => {
    const section = (little: boolean, linkType: number) =>
      joined(pcapngSection(little), pcapngInterface(linkType, undefined, little), pcapngPacket(one, 1n, 0, little));
    const packets = await read(joined(section(true, 1), section(false, 101)));
    expect(packets.map(({ linkType, bytes }) => [linkType, bytes])).toEqual([
      [1, one],
      [101, one],
    ]);
  });

  test("may have simple and old packet blocks, and times in powers of two", async () => {
    const simple = pcapngBlock(3, joined(words(true, 5), one));
    const old = pcapngBlock(2, joined(words(true, 0, 0, 3 * 1024, 3, 3), two));
    const file = joined(pcapngSection(), pcapngInterface(1, Uint8Array.of(9, 0, 1, 0, 0x8a, 0, 0, 0)), simple, old);
    expect(await read(file)).toEqual([
      { linkType: 1, bytes: one, originalLength: 5, offset: 56 },
      { time: { seconds: 3, nanoseconds: 0 }, linkType: 1, bytes: two, originalLength: 3, offset: 80 },
    ]);
  });

  const start = joined(pcapngSection(), pcapngInterface(1), pcapngPacket(one));
  test.each([
    {
      name: "a section without byte order",
      file: joined(words(true, 0x0a0d0d0a, 28, 0), new Uint8Array(16)),
      packets: 0,
      why: "byte 0: a section without byte order",
    },
    {
      name: "an end inside a section",
      file: pcapngSection().subarray(0, 10),
      packets: 0,
      why: "byte 0: the file ends inside a section header",
    },
    {
      name: "an end inside a block",
      file: start.subarray(0, -2),
      packets: 0,
      why: "byte 48: the file ends inside a block",
    },
    {
      name: "an end inside a block's head",
      file: joined(start, words(true, 6)),
      packets: 1,
      why: "byte 88: the file ends inside a block",
    },
    {
      name: "a block shorter than itself",
      file: joined(start, words(true, 6, 8, 8)),
      packets: 1,
      why: "byte 88: a block of 8 bytes",
    },
    {
      name: "a block of no memory's size",
      file: joined(start, words(true, 6, 0xffff_fff0)),
      packets: 1,
      why: "byte 88: a block of 4294967280 bytes",
    },
    {
      name: "a packet of an unknown interface",
      file: joined(start, pcapngPacket(one, 0n, 3)),
      packets: 1,
      why: "byte 88: a packet of interface 3",
    },
    {
      name: "a packet longer than its block",
      file: joined(start, pcapngBlock(6, words(true, 0, 0, 0, 9, 9))),
      packets: 1,
      why: "byte 88: a packet of 9 bytes in a shorter block",
    },
    {
      name: "a packet block without head",
      file: joined(start, pcapngBlock(6, words(true, 0))),
      packets: 1,
      why: "byte 88: a packet block of less than",
    },
  ])("with $name is told by its byte, behind the packets before", async ({ file, packets, why }) => {
    const broken = await readBroken(file);
    expect(broken.packets).toBe(packets);
    expect(broken.why).toContain(why);
  });
});
