import { describe, expect, test } from "vitest";
import { createSourceMeter, SAMPLES_TO_TRUST, type SourceMeter } from "./source-meter.ts";

interface FlowSampleNumbers {
  readonly sequence: number;
  readonly rate: number;
  readonly pool: number;
  readonly drops: number;
}

const weighOne = (meter: SourceMeter, { sequence, rate, pool, drops }: FlowSampleNumbers): number =>
  meter.weigh(sequence, rate, pool, drops);

/** Samples of an exporter that takes one of 100 packets. */
const sample = (sequence: number, change: Partial<FlowSampleNumbers> = {}): FlowSampleNumbers => ({
  sequence,
  rate: 100,
  pool: (sequence * 100) % 2 ** 32,
  drops: 0,
  ...change,
});

function weigh(...samples: readonly FlowSampleNumbers[]) {
  const meter = createSourceMeter();
  return { weights: samples.map((one) => weighOne(meter, one)), ...meter.state() };
}

describe("a flow sample stands for", () => {
  test("as many packets as its rate says", () => {
    expect(weigh(sample(1), sample(2), sample(3))).toMatchObject({ weights: [100, 100, 100], lost: 0, restarts: 0 });
  });

  test("the ones just before it that were lost, so that the sum is right", () => {
    expect(weigh(sample(1), sample(4), sample(5))).toMatchObject({ weights: [100, 300, 100], lost: 2, madeUp: 2 });
  });

  test("itself only, when many were lost: it would be a spike", () => {
    expect(weigh(sample(1), sample(5000))).toMatchObject({ weights: [100, 100], lost: 4998, madeUp: 0 });
  });

  test("nothing when it comes twice, or late and another one stands for it", () => {
    expect(weigh(sample(1), sample(1), sample(4), sample(3), sample(4))).toMatchObject({
      weights: [100, 0, 300, 0, 0],
      lost: 2,
    });
  });

  test("itself when it comes late and nothing stands for it", () => {
    expect(weigh(sample(1), sample(50), sample(30))).toMatchObject({ weights: [100, 100, 100], lost: 47 });
  });

  test("its rate, as ever, over the end of 32 bits", () => {
    const end = 2 ** 32 - 1;
    expect(weigh(sample(end, { pool: 2 ** 32 - 50 }), sample(0, { pool: 50 }))).toMatchObject({
      weights: [100, 100],
      restarts: 0,
    });
  });

  test.each([
    { name: "numbers and pool", next: sample(1), before: sample(50_000) },
    { name: "few numbers and the pool", next: sample(3), before: sample(9) },
    { name: "the numbers, and never had a pool", next: sample(1, { pool: 0 }), before: sample(50_000, { pool: 0 }) },
    { name: "the pool only", next: sample(50_001, { pool: 100 }), before: sample(50_000) },
  ])("itself after a restart of the source, which set back $name", ({ before, next }) => {
    expect(weigh(before, next)).toMatchObject({ weights: [100, 100], lost: 0, restarts: 1 });
  });
});

describe("the rate of a source", () => {
  const run = (count: number, change: (sequence: number) => Partial<FlowSampleNumbers>) =>
    weigh(...Array.from({ length: count }, (_, index) => sample(index + 1, change(index + 1))));

  test("is each source's own", () => {
    expect(
      [weigh(sample(1, { rate: 64 })), weigh(sample(1, { rate: 4096 }))].map(({ statedRate }) => statedRate),
    ).toEqual([64, 4096]);
  });

  test("is the one really seen, when the pool shows that another one is stated", () => {
    const { weights, seenRate, statedRate } = run(SAMPLES_TO_TRUST + 2, (sequence) => ({ pool: sequence * 250 }));
    expect({ seenRate, statedRate }).toEqual({ seenRate: 250, statedRate: 100 });
    expect([weights.at(0), weights.at(-1)]).toEqual([100, 250]);
  });

  test("is the stated one where the pool only differs by chance", () => {
    const { weights, seenRate } = run(SAMPLES_TO_TRUST + 2, (sequence) => ({ pool: sequence * 105 }));
    expect([seenRate, weights.at(-1)]).toEqual([105, 100]);
  });

  test("is the stated one of an exporter that does not count its pool", () => {
    const { weights, seenRate } = run(SAMPLES_TO_TRUST + 2, () => ({ pool: 0 }));
    expect([seenRate, weights.at(-1)]).toEqual([undefined, 100]);
  });

  test("is found with lost samples counted in", () => {
    const meter = createSourceMeter();
    const weights = Array.from({ length: 60 }, (_, index) => weighOne(meter, sample(2 * index + 1)));
    expect(meter.state().seenRate).toBe(100);
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBe(100 * 119);
  });

  test("that somebody changes is looked for anew", () => {
    const numbers = Array.from({ length: SAMPLES_TO_TRUST + 2 }, (_, index) =>
      sample(index + 1, { pool: (index + 1) * 250 }),
    );
    const { weights, seenRate } = weigh(...numbers, sample(SAMPLES_TO_TRUST + 3, { rate: 400, pool: 26_000 }));
    expect([seenRate, weights.at(-1)]).toEqual([undefined, 400]);
  });
});

test("samples that the exporter had no room for are told from when it was first heard of", () => {
  expect(weigh(sample(1, { drops: 7 }), sample(2, { drops: 9 }), sample(3, { drops: 12 })).dropped).toBe(5);
});
