import { backoff, type Clock, createNap, errorText, type Logger, timeLimit } from "@holdfast/core";
import type { Book } from "./book.ts";
import type { Takedown } from "./takedown.ts";

/** Finishes what was begun to be taken off the wire and was broken off: its caller's time was over, or the switch did not answer. */
export interface TakedownRetry {
  /** The endpoint was left in phase `detaching`. Returns at once; noting it again is no news. */
  left(id: string, rest: LeftOver): void;
  /** Runs until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

/** What was asked for and has not come about. */
export interface LeftOver {
  /** Up to where; `released` is not taken back by a later `detached`. */
  readonly upTo: "detached" | "released";
  readonly reason: string;
}

interface Task extends LeftOver {
  readonly attempt: number;
  /** On the clock that only grows. */
  readonly due: number;
}

/** Milliseconds that one try may take. */
const TRY_LIMIT = 30_000;
const PAUSES = { first: 200, longest: 30_000 } as const;

/** Milliseconds of rest when nothing is due. */
const LONGEST_PAUSE = 3_600_000;

export function createTakedownRetry(dependencies: {
  readonly book: Book;
  readonly takedown: () => Takedown;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A number in [0, 1). */
  readonly random: () => number;
}): TakedownRetry {
  const { book, takedown, clock, logger, random } = dependencies;
  const tasks = new Map<string, Task>();
  const nap = createNap(clock);

  function plan(id: string, rest: LeftOver, attempt: number): void {
    const upTo = tasks.get(id)?.upTo === "released" ? "released" : rest.upTo;
    tasks.set(id, { ...rest, upTo, attempt, due: clock.monotonic() + backoff(attempt, { ...PAUSES, random }) });
    nap.wake();
  }

  async function finish(id: string, task: Task, signal: AbortSignal): Promise<void> {
    // Others have finished it, or it has been lost: nothing is left to do.
    if (book.endpoints.get(id)?.phase !== "detaching") return void tasks.delete(id);
    const limit = timeLimit(clock, TRY_LIMIT, signal);
    try {
      if (task.upTo === "released") await takedown().release(id, task.reason, limit);
      else await takedown().detach(id, task.reason, limit);
      tasks.delete(id);
      logger.info("endpoint taken off the wire after all", { endpoint: id, tries: task.attempt + 1 });
    } catch (error) {
      if (signal.aborted) return;
      logger.warn("endpoint not off the wire yet; trying again", { endpoint: id, error: errorText(error) });
      plan(id, task, task.attempt + 1);
    }
  }

  async function pause(signal: AbortSignal): Promise<void> {
    const due = Math.min(...[...tasks.values()].map((task) => task.due));
    await nap.sleep(Math.min(Math.max(0, due - clock.monotonic()), LONGEST_PAUSE), signal);
  }

  return {
    left(id, rest) {
      const known = tasks.get(id);
      if (known?.upTo === "released" || known?.upTo === rest.upTo) return;
      plan(id, rest, known?.attempt ?? 0);
    },

    async run(signal) {
      while (!signal.aborted) {
        const now = clock.monotonic();
        const due = [...tasks].filter(([, task]) => task.due <= now);
        if (due.length === 0) await pause(signal);
        else await Promise.all(due.map(([id, task]) => finish(id, task, signal)));
      }
    },
  };
}
