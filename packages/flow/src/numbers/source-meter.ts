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
  weigh(sequence: number, rate: number, pool: number, drops: number): number;
  state(): SourceState;
}

/** With fewer, the pool's increase says too little of the rate. */
export const SAMPLES_TO_TRUST = 100;
/** A sample stands for so many lost ones at most: more at once would be a spike in whatever it happens to be of. */
const MOST_MADE_UP = 10;
/** Back by so few numbers a sample was overtaken; by more, the source began anew. */
const OVERTAKEN = 64;
/** Stated rates that differ from the seen one by less are taken as stated. */
const TOLERANCE = 0.1;

/** All numbers have 32 bits and wrap. They are no objects, because this is asked for every sample. */
export function createSourceMeter(): SourceMeter {
  const counts = { lost: 0, madeUp: 0, dropped: 0, restarts: 0 };
  const rates = createRateFinder();
  let isNew = true;
  let [lastSequence, lastRate, lastPool, lastDrops] = [0, 0, 0, 0];
  /** The last numbers that are missing and that nothing stands for. */
  let [missingFrom, missingCount] = [0, 0];

  function remember(sequence: number, rate: number, pool: number, drops: number): void {
    lastSequence = sequence;
    lastRate = rate;
    lastPool = pool;
    lastDrops = drops;
  }

  function begin(rate: number): number {
    isNew = false;
    missingCount = 0;
    rates.begin(rate);
    return rate;
  }

  function weighForward(distance: number, rate: number, pool: number, drops: number): number {
    const lost = distance - 1;
    const madeUp = lost <= MOST_MADE_UP ? lost : 0;
    counts.lost += lost;
    counts.madeUp += madeUp;
    counts.dropped += Math.max(0, signedDistance(lastDrops, drops));
    if (lost > madeUp) [missingFrom, missingCount] = [lastSequence + 1, lost];
    rates.measure(signedDistance(lastPool, pool), distance, rate);
    return rates.of(rate) * (1 + madeUp);
  }

  function weighOvertaken(sequence: number, rate: number): number {
    const place = signedDistance(missingFrom, sequence);
    if (place < 0 || place >= missingCount) return 0;
    counts.lost -= 1;
    return rates.of(rate);
  }

  return {
    weigh(sequence, rate, pool, drops) {
      const distance = signedDistance(lastSequence, sequence);
      const isForward = distance > 0 && signedDistance(lastPool, pool) >= 0;
      const isPoolReset = pool < lastPool / 2;
      if (!isNew && !isForward && distance <= 0 && distance >= -OVERTAKEN && !isPoolReset) {
        return weighOvertaken(sequence, rate);
      }
      if (!isNew && !isForward) counts.restarts += 1;
      const weight = !isNew && isForward ? weighForward(distance, rate, pool, drops) : begin(rate);
      remember(sequence, rate, pool, drops);
      return weight;
    },
    state: () => {
      const seenRate = rates.seen();
      return { statedRate: lastRate, ...(seenRate === undefined ? {} : { seenRate }), ...counts };
    },
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
