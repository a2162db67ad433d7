import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { isDeepStrictEqual } from "node:util";
import { isHoldfastError } from "@holdfast/core";
import { seededRandom } from "@holdfast/core/testing";
import { describe, expect, test } from "vitest";
import { readCapture } from "./capture/read-capture.ts";
import { createUdpFinder } from "./capture/udp.ts";
import { createSflowDecoder, type SflowDecoder } from "./sflow/decoder.ts";
import { joined, pcapngInterface, pcapngPacket, pcapngSection } from "./testing/capture-file.ts";
import { datagramsIn, ownCaptures } from "./testing/captures.ts";
import { madeDatagrams } from "./testing/made-datagrams.ts";
import { mutate, mutateWithin, type Range } from "./testing/mutate.ts";
import { snapshotSamples } from "./testing/snapshot.ts";

/** How many datagrams are broken, and which: a failure names its seed, and one datagram of that seed is that again. */
const { HOLDFAST_DATAGRAMS = "20000", HOLDFAST_SEED = "1" } = process.env;
const COUNT = Number(HOLDFAST_DATAGRAMS);
const FIRST_SEED = Number(HOLDFAST_SEED);
/** Bytes before and behind a datagram, which nobody may look at. */
const MARGIN = 64;
/** Much longer than any datagram takes, on a machine that does something else as well. */
const STALL_MILLISECONDS = 2000;

interface Original {
  readonly bytes: Uint8Array;
  readonly samples: readonly string[];
  /** Where the samples lie, with format and length. */
  readonly ranges: readonly Range[];
}

const findUdp = createUdpFinder(6343);
const originals = await readOriginals();

async function readOriginals(): Promise<readonly Original[]> {
  const decoder = createSflowDecoder();
  const captured = await Promise.all(ownCaptures().map(({ pcap }) => datagramsIn(pcap)));
  const bytes = captured
    .flat()
    .map(({ payload: { buffer, byteOffset, byteLength } }) => new Uint8Array(buffer, byteOffset, byteLength).slice());
  return [...bytes, ...madeDatagrams()].map((datagram) => {
    read(decoder, datagram);
    return { bytes: datagram, samples: snapshotSamples(decoder), ranges: rangesOf(datagram) };
  });
}

/** Walks the datagram by the samples' lengths; it is a sound one. */
function rangesOf(bytes: Uint8Array): Range[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ranges = [];
  for (let from = view.getUint32(4) === 1 ? 28 : 40; from < bytes.length; ) {
    const to = from + 8 + view.getUint32(from + 4);
    ranges.push({ from, to });
    from = to;
  }
  return ranges;
}

/** Puts the bytes between others and reads them there. */
function read(decoder: SflowDecoder, bytes: Uint8Array, around = 0): boolean {
  const room = new Uint8Array(bytes.length + 2 * MARGIN).fill(around);
  room.set(bytes, MARGIN);
  return decoder.decode(new DataView(room.buffer), MARGIN, MARGIN + bytes.length);
}

/** Everything that a decoder says of some bytes. */
function say(decoder: SflowDecoder, bytes: Uint8Array, around: number) {
  const started = performance.now();
  const isRead = read(decoder, bytes, around);
  const samples = isRead ? snapshotSamples(decoder) : [];
  const description = isRead ? decoder.describe() : undefined;
  const refused = decoder.refused();
  return { isRead, samples, description, refused, milliseconds: performance.now() - started };
}

function refusalsCounted(decoder: SflowDecoder): number {
  return Object.values(decoder.totals().refusals).reduce((sum, count) => sum + count, 0);
}

/** Runs a check with each seed; a failure says how to have it again. */
function withSeeds(count: number, check: (random: () => number, original: Original) => void): void {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + count; seed++) {
    const random = seededRandom(seed);
    const original = originals[Math.floor(random() * originals.length)];
    if (original === undefined) throw new TypeError("there are no datagrams to break");
    try {
      check(random, original);
    } catch (error) {
      throw new Error(`with HOLDFAST_SEED=${seed} HOLDFAST_DATAGRAMS=2`, { cause: error });
    }
  }
}

describe("a broken datagram", () => {
  const decoder = createSflowDecoder();

  test(`is refused or read, never looked beyond, and counted: ${COUNT / 2} of them`, { timeout: 3_600_000 }, () => {
    let refusedInAll = 0;
    withSeeds(COUNT / 2, (random, { bytes: whole, samples: before, ranges }) => {
      const { bytes, firstChange } = mutate(whole, random);
      const counted = refusalsCounted(decoder);
      const { isRead, samples, description, refused, milliseconds } = say(decoder, bytes, 0);
      expect(refusalsCounted(decoder) - counted).toBeGreaterThanOrEqual(refused.length);
      expect(refusalsCounted(decoder) - counted > refused.length).toBe(
        refused.length === 64 && refusalsCounted(decoder) - counted > 64,
      );
      if (!isRead) expect(refused).toHaveLength(1);
      expect(refused.every(({ offset }) => offset <= bytes.length)).toBe(true);
      expect(milliseconds).toBeLessThan(STALL_MILLISECONDS);
      // Whatever lies around the datagram, what is said of it is the same.
      const again = say(decoder, bytes, 255);
      const [one, other] = [
        { isRead, samples, description, refused },
        { ...again, milliseconds: undefined },
      ];
      // Said only when they differ: the matcher takes ten times as long.
      if (!isDeepStrictEqual({ ...one, milliseconds: undefined }, other)) expect(other).toEqual(one);
      // Samples that end before the first change are read as ever, when there is a head.
      const untouched = ranges.filter(({ to }) => to <= firstChange).length;
      if (isRead && firstChange >= 28 + 12) expect(samples.slice(0, untouched)).toEqual(before.slice(0, untouched));
      refusedInAll += refused.length;
    });
    // Else the changes would be too harmless to say anything.
    if (COUNT >= 1000) expect(refusedInAll).toBeGreaterThan(COUNT / 20);
  });

  test(`leaves its other samples, and the next datagram: ${COUNT / 2} of them`, { timeout: 3_600_000 }, () => {
    withSeeds(COUNT / 2, (random, { bytes: whole, samples: before, ranges }) => {
      if (ranges.length === 0) return;
      const broken = Math.floor(random() * ranges.length);
      const { from, to } = ranges[broken] ?? { from: 0, to: 0 };
      // Format and length of the sample stay: they say where the next one is.
      const { bytes } = mutateWithin(whole, { from: from + 8, to }, random);
      expect(read(decoder, bytes)).toBe(true);
      const samples = snapshotSamples(decoder);
      const others = (all: readonly string[], missing: number) => all.filter((_, index) => index !== missing);
      expect(others(samples, samples.length === before.length ? broken : -1)).toEqual(others(before, broken));
      expect(read(decoder, whole)).toBe(true);
      expect(snapshotSamples(decoder)).toEqual(before);
    });
  });
});

describe("a broken capture", () => {
  const captures: Uint8Array[] = ownCaptures().map(({ pcap }) => new Uint8Array(readFileSync(pcap)));
  const packets = Array.from({ length: 20 }, (_, index) => pcapngPacket(new Uint8Array(60 + index), BigInt(index)));
  captures.push(joined(pcapngSection(), pcapngInterface(1), ...packets));

  test(`is read up to where it is broken, which is told: ${COUNT / 20} of them`, { timeout: 3_600_000 }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + COUNT / 20; seed++) {
      const random = seededRandom(seed);
      const { bytes } = mutate(captures[Math.floor(random() * captures.length)] ?? new Uint8Array(), random);
      try {
        for await (const packet of readCapture(Readable.from([bytes]))) findUdp(packet);
      } catch (error) {
        if (!isHoldfastError(error, "invalid_argument"))
          throw new Error(`with HOLDFAST_SEED=${seed}`, { cause: error });
        expect(error.message).toMatch(/^byte \d+: /);
      }
    }
  });
});
