import type { Slots } from "./slots.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Reads one row at a time, in the order in which it was written. */
export class RowReader {
  bytes: Buffer = Buffer.alloc(0);
  position = 0;
  readonly #slots: Slots;
  readonly #vocabulary: Vocabulary;
  #lastTime = false;

  constructor(slots: Slots, vocabulary: Vocabulary) {
    this.#slots = slots;
    this.#vocabulary = vocabulary;
  }

  /** Begins with a row; the last time, what it has in common with others is let go. */
  open(handle: number, { lastTime = false } = {}): void {
    this.bytes = this.#slots.pageOf(handle);
    this.position = this.#slots.startOf(handle);
    this.#lastTime = lastTime;
  }

  byte(): number {
    return this.bytes[this.position++] ?? 0;
  }

  whole(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = this.byte();
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  }

  text(): string {
    const length = this.whole();
    const start = this.position;
    this.position += length;
    return this.bytes.toString("utf8", start, this.position);
  }

  skipWhole(): void {
    while (this.byte() >= 128);
  }

  skipText(): void {
    const length = this.whole();
    this.position += length;
  }

  json(): unknown {
    return JSON.parse(this.text());
  }

  skipWord(): void {
    if (this.whole() === 0) this.skipText();
  }

  word(): unknown {
    const number = this.whole();
    if (number === 0) return this.json();
    const value = this.#vocabulary.valueOf(number);
    if (this.#lastTime) this.#vocabulary.release(number);
    return value;
  }
}
