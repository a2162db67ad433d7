import { seededRandom } from "@holdfast/core/testing";
import type { SimulatedProcess } from "./process.ts";

/** Something that may happen next: a store operation, a message, a timer that is due. */
interface Event {
  readonly label: string;
  readonly process: SimulatedProcess | undefined;
  readonly run: () => void;
}

interface Timer extends Event {
  readonly due: number;
}

/**
 * Everything that happens in a simulation, one thing at a time, in an order that only the seed decides. Code under test waits for events of this
 * scheduler and for nothing else; between two of them it runs until nothing is left to run.
 */
export class Scheduler {
  /** Milliseconds since the beginning. */
  time = 0;
  /** What has happened, oldest first. */
  readonly trace: string[] = [];
  readonly random: () => number;
  #ready: Event[] = [];
  #timers: Timer[] = [];

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.random() < probability;
  }

  /** A whole number from 0 up to, and without, the limit. */
  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }

  get idle(): boolean {
    return this.#ready.length === 0;
  }

  /** It may happen from now on. An event of a process does not happen when that has ended. */
  add(process: SimulatedProcess | undefined, label: string, run: () => void): void {
    this.#ready.push({ label, process, run });
  }

  /** It may happen when this time has passed. Gives what takes it back. */
  addTimer(process: SimulatedProcess | undefined, milliseconds: number, label: string, run: () => void): () => void {
    const timer = { due: this.time + Math.max(0, milliseconds), label, process, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
      this.#ready = this.#ready.filter((other) => other !== timer);
    };
  }

  /** Time goes on to the next timer, or by this much. */
  advance(milliseconds?: number): void {
    const next = this.#timers.reduce((earliest, { due }) => Math.min(earliest, due), Number.POSITIVE_INFINITY);
    if (milliseconds === undefined && next === Number.POSITIVE_INFINITY) return;
    this.time = milliseconds === undefined ? Math.max(this.time, next) : this.time + milliseconds;
    const due = this.#timers.filter((timer) => timer.due <= this.time);
    this.#timers = this.#timers.filter((timer) => timer.due > this.time);
    this.#ready.push(...due.sort((a, b) => a.due - b.due));
  }

  /** Lets one of the events that may happen happen, and all that follows from it without a further event. */
  async step(): Promise<void> {
    const [event] = this.#ready.splice(this.below(this.#ready.length), 1);
    if (event === undefined || event.process?.ended === true) return;
    this.note(event.label);
    event.run();
    await this.settle();
  }

  /** Everything that waits for no event runs to its end. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  note(what: string): void {
    this.trace.push(`${this.time} ${what}`);
  }
}
