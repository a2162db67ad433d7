/** What a stream of numbered probes has seen since its first answer. */
export interface GapReport {
  /** Probes that were sent long enough ago to have been answered. */
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  /**
   * The longest time without an answer, in milliseconds: from the sending of the last probe that was answered to the sending of
   * the next that was, with at least one lost in between. 0 when none was lost. An outage that lasts counts up to now.
   */
  readonly longestGapMs: number;
  /** When that gap began, in milliseconds since the first answered probe. */
  readonly longestGapAtMs: number;
  /** The slowest answer, in milliseconds: probes that something held back instead of losing them show here. */
  readonly longestRoundTripMs: number;
  /** The longest pause between two probes, in milliseconds: how much of a gap may be the prober's own, on a busy machine. */
  readonly longestSendPauseMs: number;
}

/** How long a probe may be under way before it counts as lost, in milliseconds. */
export const ANSWER_TIME = 250;

/** Keeps when each probe was sent and answered. All times are in milliseconds of one monotonic clock. */
export class ProbeLog {
  readonly #sentAt = new Map<number, number>();
  readonly #answeredAt = new Map<number, number>();
  /** The first probe that was answered; earlier ones do not count: the path was not there yet. */
  #first: number | undefined;
  #last = -1;

  /** Probe number `sequence`, growing from 0, has left. Numbers may be missing when nobody knows when they left. */
  sent(sequence: number, at: number): void {
    if (!this.#sentAt.has(sequence)) this.#sentAt.set(sequence, at);
    this.#last = Math.max(this.#last, sequence);
  }

  /** The answer to a probe that was sent has come; of several answers the first counts. Says whether it is the first of all. */
  answered(sequence: number, at: number): boolean {
    if (!this.#sentAt.has(sequence) || this.#answeredAt.has(sequence)) return false;
    if (this.#first !== undefined && sequence < this.#first) return false;
    this.#answeredAt.set(sequence, at);
    const isFirst = this.#first === undefined;
    this.#first ??= sequence;
    return isFirst;
  }

  /** What has been seen by `now`. Probes younger than {@link ANSWER_TIME} without an answer are not judged yet. */
  report(now: number): GapReport {
    const first = this.#first;
    if (first === undefined) return { ...NOTHING, sent: this.#sentAt.size, lost: this.#sentAt.size };
    const walk = { gap: 0, gapAt: 0, roundTrip: 0, pause: 0, received: 0, judged: 0 };
    const start = this.#sentAt.get(first) ?? 0;
    let [previous, previousAt] = [first, start];
    let [neighbour, neighbourAt] = [first, start];
    for (let sequence = first; sequence <= this.#last; sequence++) {
      const [sentAt, answeredAt] = [this.#sentAt.get(sequence), this.#answeredAt.get(sequence)];
      if (sentAt !== undefined) {
        if (neighbour === sequence - 1) walk.pause = Math.max(walk.pause, sentAt - neighbourAt);
        [neighbour, neighbourAt] = [sequence, sentAt];
      }
      if (sentAt !== undefined && answeredAt !== undefined) {
        walk.received += 1;
        walk.judged += 1;
        walk.roundTrip = Math.max(walk.roundTrip, answeredAt - sentAt);
        if (sequence > previous + 1 && sentAt - previousAt > walk.gap) {
          [walk.gap, walk.gapAt] = [sentAt - previousAt, previousAt - start];
        }
        [previous, previousAt] = [sequence, sentAt];
      } else if (sentAt === undefined || now - sentAt > ANSWER_TIME) walk.judged += 1;
    }
    const outage = now - previousAt;
    if (outage > ANSWER_TIME && outage > walk.gap) [walk.gap, walk.gapAt] = [outage, previousAt - start];
    return {
      sent: walk.judged,
      received: walk.received,
      lost: walk.judged - walk.received,
      longestGapMs: rounded(walk.gap),
      longestGapAtMs: rounded(walk.gapAt),
      longestRoundTripMs: rounded(walk.roundTrip),
      longestSendPauseMs: rounded(walk.pause),
    };
  }
}

const NOTHING: GapReport = {
  sent: 0,
  received: 0,
  lost: 0,
  longestGapMs: 0,
  longestGapAtMs: 0,
  longestRoundTripMs: 0,
  longestSendPauseMs: 0,
};

/** To microseconds: the clock says no more. */
function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
