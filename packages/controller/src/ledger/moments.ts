import type { Clock } from "@holdfast/core";

/** Above any time in milliseconds for which this will run: the year 2286. */
const END_OF_TIME = 9_999_999_999_999;
const MOST_OF_A_MILLISECOND = 999_999;

/**
 * Makes the last parts of ledger keys, e.g. `"8204777777777-999999-1f0c2b7a"`: they count down, so that the newest entry of an address comes first in
 * the order of keys, and one short read finds it. They never go back, also when the clock does, and no two controllers make the same.
 */
export interface Moments {
  next(): string;
  /** None that is made from now on is earlier than this time, in milliseconds since 1970. */
  notBefore(time: number): void;
}

export function createMoments({ clock, nonce }: { readonly clock: Clock; readonly nonce: string }): Moments {
  let time = 0;
  let count = 0;
  return {
    next() {
      const now = clock.now().getTime();
      if (now > time) [time, count] = [now, 0];
      else if (count < MOST_OF_A_MILLISECOND) count += 1;
      else [time, count] = [time + 1, 0];
      return momentOfTime(time, count, nonce);
    },
    notBefore(earliest) {
      if (earliest > time) [time, count] = [earliest, 0];
    },
  };
}

/** The moment that is number `count` of a time in milliseconds since 1970. */
export function momentOfTime(time: number, count: number, nonce: string): string {
  return `${END_OF_TIME - time}-${String(MOST_OF_A_MILLISECOND - count).padStart(6, "0")}-${nonce}`;
}

/** The time of a moment, in milliseconds since 1970. */
export function timeOfMoment(moment: string): number {
  return END_OF_TIME - Number(moment.slice(0, 13));
}

/** What comes, in the order of keys, right before every moment that is not after this time. */
export function beforeMomentsUpTo(time: number): string {
  return String(END_OF_TIME - time);
}
