/** What a datagram's sequence number says of the ones before it. */
export type Arrival =
  /** The first one of its exporter. */
  | "first"
  /** The one that was expected, or one after others that are missing. */
  | "next"
  /** One that was missing, overtaken by others on its way. */
  | "late"
  /** The same once more. */
  | "again"
  /** The exporter began anew, or was away for so long that nothing can be said. */
  | "restart";

/** How many datagrams of one exporter came and how many did not. */
export interface SequenceCounts {
  readonly received: number;
  /** Missing so far; one that comes late is taken off again. */
  readonly lost: number;
  readonly late: number;
  readonly again: number;
  readonly restarts: number;
}

/** Follows one row of sequence numbers: of an exporter's datagrams, or of the samples of one source. */
export interface SequenceTracker {
  /**
   * Takes the next number in the order of arrival.
   *
   * @param uptimeMs of the exporter; one that goes back tells a restart from a datagram that was overtaken
   */
  observe(sequence: number, uptimeMs: number): Arrival;
  readonly counts: SequenceCounts;
}

/** Networks do not hold a datagram back for longer: one that is older is of an earlier life of its exporter. */
const OVERTAKEN_MS = 5000;
/** As many numbers back are remembered as came or missing: the bits of one number. */
const WINDOW = 32;
/** More missing at once is no loss that can be counted: the exporter was away, or its numbers were set anew. */
const MOST_MISSING = 100_000;

/**
 * Sequence numbers and uptimes have 32 bits and wrap (sFlow version 5, section 5): differences are taken modulo 2^32, and half of it is the past.
 */
export function createSequenceTracker(): SequenceTracker {
  const counts = { received: 0, lost: 0, late: 0, again: 0, restarts: 0 };
  let last = 0;
  let lastUptime = 0;
  /** Bit n: the number `last - n` came. */
  let seen = 0;

  function begin(sequence: number, uptimeMs: number): void {
    last = sequence;
    lastUptime = uptimeMs;
    seen = 1;
  }

  function observeForward(distance: number, sequence: number, uptimeMs: number): Arrival {
    counts.lost += distance - 1;
    seen = distance >= WINDOW ? 1 : (seen << distance) | 1;
    last = sequence;
    lastUptime = uptimeMs;
    return "next";
  }

  function observeBack(distance: number, sequence: number, uptimeMs: number): Arrival {
    if (distance >= WINDOW) return restart(sequence, uptimeMs);
    const bit = 1 << distance;
    if ((seen & bit) !== 0) {
      counts.again += 1;
      return "again";
    }
    seen |= bit;
    counts.late += 1;
    // Of before the first one, nothing was counted as missing.
    if (counts.lost > 0) counts.lost -= 1;
    return "late";
  }

  function restart(sequence: number, uptimeMs: number): Arrival {
    counts.restarts += 1;
    begin(sequence, uptimeMs);
    return "restart";
  }

  return {
    counts,
    observe(sequence, uptimeMs) {
      counts.received += 1;
      if (counts.received === 1) {
        begin(sequence, uptimeMs);
        return "first";
      }
      if (signedDistance(lastUptime, uptimeMs) < -OVERTAKEN_MS) return restart(sequence, uptimeMs);
      const distance = signedDistance(last, sequence);
      if (distance > MOST_MISSING) return restart(sequence, uptimeMs);
      return distance > 0 ? observeForward(distance, sequence, uptimeMs) : observeBack(-distance, sequence, uptimeMs);
    },
  };
}

/** How far from one number of 32 bits to another, from -2^31 to 2^31 - 1: the shorter way around. */
export function signedDistance(from: number, to: number): number {
  return (to - from) | 0;
}
