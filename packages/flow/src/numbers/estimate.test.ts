import { seededRandom } from "@holdfast/core/testing";
import { describe, expect, test } from "vitest";
import { estimateOf } from "./estimate.ts";

const samplesOf = (samples: number, rate: number, bytes: number) => ({
  packets: samples * rate,
  bytes: samples * rate * bytes,
  samples,
  exact: rate === 1 ? samples : 0,
});

/** Samples one of `rate` of so many packets of 500 bytes, at random. */
function sampleTraffic(packets: number, rate: number, random: () => number) {
  let samples = 0;
  for (let packet = 0; packet < packets; packet++) if (random() * rate < 1) samples++;
  return estimateOf(samplesOf(samples, rate, 500));
}

describe("an estimate", () => {
  test("is exact where every packet is sampled", () => {
    expect(sampleTraffic(1234, 1, Math.random)).toEqual({
      packets: 1234,
      bytes: 617_000,
      samples: 1234,
      exactSamples: 1234,
      errorPercent: 0,
    });
  });

  test("of nothing is nothing", () => {
    expect(estimateOf(samplesOf(0, 64, 100))).toEqual({
      packets: 0,
      bytes: 0,
      samples: 0,
      exactSamples: 0,
      errorPercent: 0,
    });
  });

  test("says its error: 196 by the root of its samples", () => {
    expect(estimateOf(samplesOf(400, 64, 100))).toEqual({
      packets: 25_600,
      bytes: 2_560_000,
      samples: 400,
      exactSamples: 0,
      errorPercent: 9.8,
    });
  });

  test.each([64, 400])("is within its error in 95 of 100 cases, of one in %i", (rate) => {
    const random = seededRandom(rate);
    const truth = 40_000;
    const trials = Array.from({ length: 400 }, () => sampleTraffic(truth, rate, random));
    const within = trials.filter(
      ({ packets, errorPercent }) => Math.abs(packets - truth) <= (packets * errorPercent) / 100,
    );
    expect(within.length / trials.length).toBeGreaterThan(0.92);
    expect(within.length / trials.length).toBeLessThan(0.98);
    const mean = trials.reduce((sum, { packets }) => sum + packets, 0) / trials.length;
    expect(Math.abs(mean - truth) / truth).toBeLessThan(0.02);
  });
});
