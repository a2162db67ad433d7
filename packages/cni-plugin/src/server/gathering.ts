/** Turns of the event loop for which calls wait for others at most: whoever connects without end keeps nobody waiting. */
const MOST_TURNS = 64;

/**
 * Lets calls that came together begin together. libuv accepts one connection in a turn of the event loop (libuv 1.45, `uv__server_io`), and a call that
 * begins in the next keeps the thread until it waits for something: of many at once each would be done before the next is known, with a wait for the
 * disk and a message to the kernel of its own. So calls wait while each turn brings another connection; one that came alone does not wait.
 */
export class Gathering {
  #waiting: (() => void)[] = [];
  #hasNew = false;
  #turns = 0;

  /** A connection was accepted. */
  accepted(): void {
    this.#hasNew = true;
  }

  /** Until a turn brings no connection. */
  async gathered(): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.#waiting.push(resolve) === 1) setImmediate(this.#look);
    });
  }

  readonly #look = (): void => {
    if (this.#hasNew && this.#turns < MOST_TURNS) {
      this.#hasNew = false;
      this.#turns++;
      setImmediate(this.#look);
      return;
    }
    this.#turns = 0;
    for (const begin of this.#waiting.splice(0)) begin();
  };
}
