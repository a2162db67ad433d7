import { setImmediate } from "node:timers/promises";
import type { Clock } from "@holdfast/core";

/** Cuts long work into slices, between which others have their turn. */
export interface Pace {
  /** Between two pieces of work: returns at once while the slice is short, else lets others go on first. @throws the signal's reason. */
  breathe(): Promise<void>;
  /** What has gone by since the last piece of work was waiting for others: nothing has to be made up for it. */
  resume(): void;
}

/** Milliseconds of work between two pauses: what a request may have to wait for it. */
const SLICE = 2;

/** @param share Of the time, that is worked at the most, in (0, 1]. */
export function createPace({
  clock,
  share,
  signal,
}: {
  readonly clock: Clock;
  readonly share: number;
  readonly signal: AbortSignal;
}): Pace {
  let begun = clock.monotonic();
  return {
    async breathe() {
      signal.throwIfAborted();
      const worked = clock.monotonic() - begun;
      if (worked < SLICE) return;
      const rest = worked * (1 / share - 1);
      if (rest >= 1) await clock.wait(rest, signal);
      else await setImmediate();
      begun = clock.monotonic();
    },
    resume() {
      begun = clock.monotonic();
    },
  };
}
