import { EventEmitter } from "node:events";
import type { Writable } from "node:stream";
import type { Scheduler } from "./scheduler.ts";

/** One connection on which a controller tells a node what happens: bytes that travel as events, in order, until it breaks. */
export class FeedPipe {
  readonly #emitter = new EventEmitter();
  /** Written, and under way. */
  readonly #waiting: Uint8Array[] = [];
  /** Arrived, and not read yet. */
  readonly #chunks: Uint8Array[] = [];
  readonly #scheduler: Scheduler;
  readonly #isMute: () => boolean;
  #lost = false;
  #broken: Error | undefined;
  #wake = (): void => undefined;

  /** What is written while `isMute` gets lost with everything after it, and nobody is told. */
  constructor(scheduler: Scheduler, isMute: () => boolean) {
    this.#scheduler = scheduler;
    this.#isMute = isMute;
  }

  /** The controller's end: the part of a stream that feeds use. */
  get output(): Writable {
    const isBroken = (): boolean => this.#broken !== undefined;
    const output = {
      get destroyed() {
        return isBroken();
      },
      on: (event: string, listener: () => void) => this.#emitter.on(event, listener),
      write: (text: string) => this.#write(text),
      destroy: () => this.break("the controller has ended the feed"),
      end: () => this.break("the controller has ended the feed"),
    };
    return output as unknown as Writable;
  }

  break(reason: string): void {
    if (this.#broken !== undefined) return;
    this.#broken = new TypeError(reason);
    this.#emitter.emit("close");
    this.#wake();
  }

  /** The node's end. */
  async *input(signal: AbortSignal): AsyncIterable<Uint8Array> {
    const onAbort = (): void => this.#wake();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      for (;;) {
        signal.throwIfAborted();
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) yield chunk;
        else if (this.#broken !== undefined) throw this.#broken;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#scheduler.add(undefined, "feed: its reader has gone", () => this.break("its reader has gone"));
    }
  }

  /** Whether more may be written at once, as streams say it. */
  #write(text: string): boolean {
    const chunk = new TextEncoder().encode(text);
    const full = this.#scheduler.chance(0.1);
    this.#waiting.push(chunk);
    this.#scheduler.add(undefined, "feed: news", () => {
      const next = this.#waiting.shift();
      if (this.#isMute() || next === undefined) this.#lost = true;
      if (!this.#lost && next !== undefined) this.#chunks.push(next);
      this.#wake();
      if (full) this.#emitter.emit("drain");
    });
    return !full;
  }
}
