import { HoldfastError } from "@holdfast/core";

/** Appends big-endian numbers to a buffer that grows. */
export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#buffer.writeUInt8(value, at);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#buffer.writeUInt16BE(value, at);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#buffer.writeUInt32BE(value, at);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#grow(8);
    this.#buffer.writeBigUInt64BE(value, at);
    return this;
  }

  /** A number of any width, e.g. 6 bytes for a MAC or 16 for an IPv6 address. */
  wide(value: bigint, bytes: number): this {
    const start = this.#grow(bytes);
    if (bytes <= 6) {
      this.#buffer.writeUIntBE(Number(value), start, bytes);
      return this;
    }
    let rest = value;
    for (let index = start + bytes - 8; index >= start; index -= 8) {
      this.#buffer.writeBigUInt64BE(rest & 0xffff_ffff_ffff_ffffn, index);
      rest >>= 64n;
    }
    return this;
  }

  zeros(count: number): this {
    const start = this.#grow(count);
    this.#buffer.fill(0, start, start + count);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  /** Zeros until what began at `start` has a length that is a multiple of 8. */
  align8(start: number): this {
    return this.zeros(-(this.#length - start) & 7);
  }

  /** Writes a length that is known only afterwards. */
  patch16(offset: number, value: number): void {
    this.#buffer.writeUInt16BE(value, offset);
  }

  /** What was written; shares memory with the writer. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #grow(count: number): number {
    const start = this.#length;
    this.#length += count;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length));
      this.#buffer.copy(larger, 0, 0, start);
      this.#buffer = larger;
    }
    return start;
  }
}

/** Reads big-endian numbers; past the end it throws, never guesses. */
export class ByteReader {
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#buffer = bytes;
  }

  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.#buffer.readUInt16BE(this.#take(2));
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }

  u64(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8));
  }

  wide(bytes: number): bigint {
    const start = this.#take(bytes);
    if (bytes <= 6) return BigInt(this.#buffer.readUIntBE(start, bytes));
    let value = 0n;
    for (let index = start; index < start + bytes; index += 8) {
      value = (value << 64n) | this.#buffer.readBigUInt64BE(index);
    }
    return value;
  }

  skip(count: number): void {
    this.#take(count);
  }

  bytes(count: number): Buffer {
    const start = this.#take(count);
    return this.#buffer.subarray(start, start + count);
  }

  /** A reader of the next `count` bytes, which this one passes over. */
  slice(count: number): ByteReader {
    return new ByteReader(this.bytes(count));
  }

  #take(count: number): number {
    const start = this.#offset;
    if (count < 0 || start + count > this.#buffer.length) {
      throw new HoldfastError(
        "unavailable",
        `OpenFlow message ends after ${this.#buffer.length} bytes, inside a field`,
      );
    }
    this.#offset += count;
    return start;
  }
}
