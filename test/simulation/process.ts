import type { Clock } from "@holdfast/core";
import type { Scheduler } from "./scheduler.ts";

const MIDNIGHT = Date.UTC(2026, 0, 1);

/** A machine's wall clock: it may be wrong, and may be set. Milliseconds. */
export interface WallClock {
  offset: number;
}

/**
 * One life of a program. When it ends, at whatever point, none of its code goes on: whatever it waits for never comes.
 */
export class SimulatedProcess {
  readonly name: string;
  ended = false;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly #end = new AbortController();

  constructor(scheduler: Scheduler, name: string, wall: WallClock = { offset: 0 }) {
    this.scheduler = scheduler;
    this.name = name;
    this.clock = {
      now: () => new Date(MIDNIGHT + scheduler.time + wall.offset),
      monotonic: () => scheduler.time,
      wait: (milliseconds, signal) => this.#wait(milliseconds, signal),
    };
  }

  /** Aborted when the process has ended: for those who talked to it. */
  get end(): AbortSignal {
    return this.#end.signal;
  }

  kill(): void {
    this.ended = true;
    this.#end.abort();
  }

  /** Waits for an event of this name. Never returns in a process that has ended. */
  event(label: string): Promise<void> {
    return this.ended ? never() : new Promise((resolve) => this.scheduler.add(this, `${this.name}: ${label}`, resolve));
  }

  #wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (this.ended) return never();
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        cancel();
        reject(signal.reason);
      };
      const cancel = this.scheduler.addTimer(this, milliseconds, `${this.name}: waited ${milliseconds} ms`, () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      });
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}

/** What comes back to a process that has ended. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}
