import { signedDistance } from "./sequence.ts";

/** What is known of the sampling of one source: one interface or one bridge of an exporter. */
export interface SourceState {
  /** The rate that the last sample stated: one of so many packets. */
  readonly statedRate: number;
  /**
   * Packets that went by per sample that was taken, as the pool shows over {@link SAMPLES_TO_TRUST} samples. Absent: too few samples so far, or the
   * exporter does not count its pool.
   */
  readonly seenRate?: number;
  /** Samples that were taken and did not come. */
  readonly lost: number;
  /** Of these, those that later samples stand for. */
  readonly madeUp: number;
  /** Samples that the exporter itself had no room for, since it was first heard of. */
  readonly dropped: number;
  readonly restarts: number;
}

/** Follows the samples of one source. */
export interface SourceMeter {
  /**
   * Takes the next flow sample in the order of arrival and gives how many packets it stands for: as many as the rate says, and for each sample
   * just before it that was lost, the same again. 0: it came before, or another one already stands for it.
   */
  weigh(sample: FlowSampleNumbers): number;
  state(): SourceState;
}

/** Numbers of 32 bits, wrapping. */
export interface FlowSampleNumbers {
  readonly sequence: number;
  readonly rate: number;
  readonly pool: number;
  readonly drops: number;
}

/** With fewer, the pool's increase says too little of the rate. */
export const SAMPLES_TO_TRUST = 100;
/** A sample stands for so many lost ones at most: more at once would be a spike in whatever it happens to be of. */
const MOST_MADE_UP = 10;
/** Back by so few numbers a sample was overtaken; by more, the source began anew. */
const OVERTAKEN = 64;
/** Stated rates that differ from the seen one by less are taken as stated. */
const TOLERANCE = 0.1;

export function createSourceMeter(): SourceMeter {
  let last: FlowSampleNumbers | undefined;
  const counts = { lost: 0, madeUp: 0, dropped: 0, restarts: 0 };
  const rate = createRateFinder();
  /** The last numbers that are missing and that nothing stands for. */
  let missing = { from: 0, count: 0 };

  function begin(sample: FlowSampleNumbers): number {
    last = sample;
    missing = { from: 0, count: 0 };
    rate.begin(sample.rate);
    return sample.rate;
  }

  function weighForward(before: FlowSampleNumbers, sample: FlowSampleNumbers, distance: number): number {
    const lost = distance - 1;
    const madeUp = lost <= MOST_MADE_UP ? lost : 0;
    counts.lost += lost;
    counts.madeUp += madeUp;
    counts.dropped += Math.max(0, signedDistance(before.drops, sample.drops));
    if (lost > madeUp) missing = { from: before.sequence + 1, count: lost };
    last = sample;
    rate.measure(signedDistance(before.pool, sample.pool), distance, sample.rate);
    return rate.of(sample.rate) * (1 + madeUp);
  }

  function weighOvertaken(sample: FlowSampleNumbers): number {
    const place = signedDistance(missing.from, sample.sequence);
    if (place < 0 || place >= missing.count) return 0;
    counts.lost -= 1;
    return rate.of(sample.rate);
  }

  return {
    weigh(sample) {
      if (last === undefined) return begin(sample);
      const distance = signedDistance(last.sequence, sample.sequence);
      const isPoolBack = signedDistance(last.pool, sample.pool) < 0;
      if (distance > 0 && !isPoolBack) return weighForward(last, sample, distance);
      const isPoolReset = sample.pool < last.pool / 2;
      if (distance <= 0 && distance >= -OVERTAKEN && !isPoolReset) return weighOvertaken(sample);
      counts.restarts += 1;
      return begin(sample);
    },
    state: () => ({
      statedRate: last?.rate ?? 0,
      ...(rate.seen() === undefined ? {} : { seenRate: rate.seen() ?? 0 }),
      ...counts,
    }),
  };
}

/** Finds the rate at which samples are really taken: the pool's increase is the truth of how many packets went by. */
function createRateFinder() {
  let seen: number | undefined;
  /** Since the last time a rate was found. */
  let window = { pool: 0, taken: 0, stated: 0 };
  const begin = (stated: number): void => {
    seen = undefined;
    window = { pool: 0, taken: 0, stated };
  };
  return {
    begin,
    seen: () => seen,
    measure(pool: number, taken: number, stated: number): void {
      // Somebody set another rate: what was seen is of the former one.
      if (stated !== window.stated) begin(stated);
      window.pool += pool;
      window.taken += taken;
      if (window.taken < SAMPLES_TO_TRUST) return;
      seen = window.pool > 0 ? window.pool / window.taken : undefined;
      window = { pool: 0, taken: 0, stated };
    },
    of(stated: number): number {
      return seen !== undefined && Math.abs(seen - stated) > TOLERANCE * stated ? seen : stated;
    },
  };
}
