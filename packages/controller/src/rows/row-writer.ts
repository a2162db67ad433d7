import type { Vocabulary } from "./vocabulary.ts";

/** Where a row is put together before it goes into its slot. */
export class RowWriter {
  /** What is written lies from 0 to {@link length}. */
  bytes: Buffer = Buffer.allocUnsafeSlow(4096);
  length = 0;
  readonly #vocabulary: Vocabulary;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  restart(): void {
    this.length = 0;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.bytes[this.length++] = value;
  }

  /** A whole number from 0 to 2^53 - 1, seven bits per byte, the low ones first. */
  whole(value: number): void {
    this.#reserve(8);
    let rest = value;
    for (; rest >= 2 ** 31; rest = Math.floor(rest / 128)) this.bytes[this.length++] = (rest % 128) | 128;
    for (; rest >= 128; rest >>>= 7) this.bytes[this.length++] = (rest & 127) | 128;
    this.bytes[this.length++] = rest;
  }

  /** Well-formed text, with its length before it. */
  text(text: string): void {
    const start = this.length;
    this.#reserve(8 + 3 * text.length);
    this.whole(text.length);
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 127) {
        this.#wideText(text, start);
        return;
      }
      this.bytes[this.length++] = unit;
    }
  }

  json(value: unknown): void {
    this.text(JSON.stringify(value));
  }

  /** A JSON value that others may have too. */
  word(value: unknown): void {
    const json = JSON.stringify(value);
    const number = this.#vocabulary.use(json, value);
    this.whole(number);
    if (number === 0) this.text(json);
  }

  #wideText(text: string, start: number): void {
    this.length = start;
    this.whole(Buffer.byteLength(text));
    this.length += this.bytes.write(text, this.length);
  }

  #reserve(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.length + bytes));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}
