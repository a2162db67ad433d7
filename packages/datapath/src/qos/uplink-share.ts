/**
 * Whose guarantees an uplink keeps, where several drivers send by it. Each makes a tree of its own and leads all that leaves into it, and what comes from
 * one tree goes past the other: a second one would keep nothing, and the line would be promised twice.
 */
export class UplinkShare {
  #holder: string | undefined;

  /** Whether it is this driver's now: it was, or nobody's. `driver` is how its links' names begin, e.g. `"hfr"`. */
  take(driver: string): boolean {
    this.#holder ??= driver;
    return this.#holder === driver;
  }

  /** It is nobody's, if it was this driver's. */
  leave(driver: string): void {
    if (this.#holder === driver) this.#holder = undefined;
  }
}
