import { HoldfastError } from "@holdfast/core";
import { FIRST_NUMBER, LAST_NUMBER } from "./pipeline/layout.ts";

/** OpenFlow port numbers, given by turns, so that one is not given again soon after it was given back. */
export class Numbers {
  readonly #used = new Set<number>();
  #next = FIRST_NUMBER;

  /** A number is in use already; new ones start above it. */
  reserve(number: number): void {
    this.#used.add(number);
    if (number >= this.#next && number < LAST_NUMBER) this.#next = number + 1;
  }

  /** @throws HoldfastError `pool_exhausted`. */
  take(): number {
    for (let tries = FIRST_NUMBER; tries <= LAST_NUMBER; tries++) {
      const number = this.#next;
      this.#next = number === LAST_NUMBER ? FIRST_NUMBER : number + 1;
      if (this.#used.has(number)) continue;
      this.#used.add(number);
      return number;
    }
    throw new HoldfastError("pool_exhausted", "the switch has no free port number; detach endpoints");
  }

  release(number: number): void {
    this.#used.delete(number);
  }
}
