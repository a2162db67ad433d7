import { encodeDatagram, encodeHeaderRecord, encodeSample, ethernet, ipv4, tcp } from "@holdfast/flow/testing";
import { describe, expect, test } from "vitest";
import { createWindowing, type SampledWindow } from "./windowing.ts";

const header = encodeHeaderRecord(ethernet({}, ipv4({}, tcp())), { frameLength: 1004 });
const flow = (sequence: number): Uint8Array =>
  encodeDatagram({
    sequence,
    uptimeMs: sequence,
    samples: [encodeSample({ format: 1, sequence, rate: 1, pool: sequence, records: [header] })],
  });

function start(options: { settleMs?: number; holdBytes?: number } = {}) {
  const windows: SampledWindow[] = [];
  const windowing = createWindowing((window) => windows.push(window), {
    windowMs: 1000,
    settleMs: 300,
    holdBytes: 65_536,
    ...options,
  });
  let sequence = 0;
  const take = (at: number): void => {
    const bytes = flow(++sequence);
    windowing.take(new DataView(bytes.buffer), 0, bytes.length, at);
  };
  const seen = () => windows.map((window) => [window.start, sumOf(window)]);
  return { windowing, take, seen, windows };
}

function sumOf({ traffic }: SampledWindow): number {
  let samples = 0;
  for (let at = 2; at < traffic.sums.length; at += 4) samples += traffic.sums[at] ?? 0;
  return samples;
}

describe("windowing", () => {
  test("puts a datagram into the window in which it came, though it is held back past its end", () => {
    const { windowing, take, seen } = start();
    take(1_700_000_000_100);
    take(1_700_000_000_999);
    windowing.advance(1_700_000_001_200);
    take(1_700_000_001_250);
    expect(seen()).toEqual([]);
    windowing.advance(1_700_000_001_300);
    expect(seen()).toEqual([[1_700_000_000_000, 2]]);
    windowing.finish();
    expect(seen().slice(1)).toEqual([[1_700_000_001_000, 1]]);
  });

  test("ends a window in which nothing more comes, and tells of each one that is empty", () => {
    const { windowing, take, seen } = start({ settleMs: 0 });
    take(500);
    for (const now of [900, 1000, 1999, 2000]) windowing.advance(now);
    expect(seen()).toEqual([
      [0, 1],
      [1000, 0],
    ]);
  });

  test("leaves out the windows of a time in which it did not run", () => {
    const { windowing, take, seen } = start({ settleMs: 0 });
    take(500);
    windowing.advance(90_500);
    take(90_600);
    windowing.finish();
    expect(seen()).toEqual([
      [0, 1],
      [90_000, 1],
    ]);
  });

  test("reads no more at once than it is told to, and ends no window before all of it has been read", () => {
    const { windowing, take, seen } = start();
    for (let count = 0; count < 5; count++) take(900);
    expect(windowing.advance(1199, 2)).toBe(false);
    expect([windowing.advance(1300, 2), windowing.advance(1300, 2)]).toEqual([true, true]);
    expect(seen()).toEqual([]);
    expect(windowing.advance(1300, 2)).toBe(false);
    expect(seen()).toEqual([[0, 5]]);
  });

  test("takes a clock that goes back as one that stands", () => {
    const { windowing, take, seen } = start();
    take(5500);
    take(3000);
    windowing.advance(3100);
    windowing.finish();
    expect(seen()).toEqual([[5000, 2]]);
  });

  test("reads the oldest early when there is no room for more, and loses none", () => {
    const { windowing, take, windows } = start({ holdBytes: 1024 });
    for (let count = 0; count < 20; count++) take(100);
    windowing.finish();
    expect(windows.map(({ taken }) => taken.datagrams)).toEqual([20]);
    expect(windows[0]?.taken.early).toBeGreaterThan(10);
    expect(windows[0] && sumOf(windows[0])).toBe(20);
  });

  test("that is told to hold less than one datagram reads each at once", () => {
    const { windowing, take, windows } = start({ holdBytes: 16 });
    take(100);
    windowing.finish();
    expect(windows.map(sumOf)).toEqual([1]);
  });
});
