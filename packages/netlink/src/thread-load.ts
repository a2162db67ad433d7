import { performance } from "node:perf_hooks";

/** What a thread has done so far: milliseconds with work, and without. */
export interface ThreadTimes {
  readonly active: number;
  readonly idle: number;
}

/** Milliseconds: the shortest time that is looked at. */
const SPAN = 10;
/** Of that time. One request after the other leaves a thread without work for a third of it or more. */
const BUSY = 0.85;

/**
 * Tells whether a thread has hardly had a rest lately: then others wait for it, and the kernel had better do elsewhere what keeps it for long. That takes
 * a little longer for who asked, so a thread with time to spare does it at once.
 */
export function createThreadLoad(times: () => ThreadTimes): () => boolean {
  let [before, isBusy] = [times(), false];
  return () => {
    const now = times();
    const [active, idle] = [now.active - before.active, now.idle - before.idle];
    if (active + idle < SPAN) return isBusy;
    [before, isBusy] = [now, active > BUSY * (active + idle)];
    return isBusy;
  };
}

/** Whether that is so of the thread that calls. */
export const threadIsBusy = createThreadLoad(() => performance.eventLoopUtilization());
