import { HoldfastError } from "@holdfast/core";

/** Numbers of interfaces, given by turns, so that one is not given again soon after it was given back. */
export class Numbers {
  readonly #used = new Set<number>();
  readonly #first: number;
  readonly #last: number;
  #next: number;

  constructor({ first, last }: { readonly first: number; readonly last: number }) {
    this.#first = first;
    this.#last = last;
    this.#next = first;
  }

  /** A number is in use already; new ones start above it. */
  reserve(number: number): void {
    this.#used.add(number);
    if (number >= this.#next && number < this.#last) this.#next = number + 1;
  }

  /** @throws HoldfastError `pool_exhausted`. */
  take(): number {
    for (let tries = this.#first; tries <= this.#last; tries++) {
      const number = this.#next;
      this.#next = number === this.#last ? this.#first : number + 1;
      if (this.#used.has(number)) continue;
      this.#used.add(number);
      return number;
    }
    const text = `all numbers of interfaces from ${this.#first} to ${this.#last} are in use; detach endpoints`;
    throw new HoldfastError("pool_exhausted", text);
  }

  release(number: number): void {
    this.#used.delete(number);
  }
}
