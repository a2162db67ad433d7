import { Cidr, type Family, IpAddress } from "@holdfast/core";

/** Values of prefixes, of one family; which prefixes contain one, and which are in one, without looking at all. */
export class PrefixTable<T> {
  readonly #width: number;
  /** By length, then by the bits that count. */
  readonly #lengths = new Map<number, Map<bigint, T>>();

  constructor(family: Family) {
    this.#width = IpAddress.bits(family);
  }

  set(prefix: Cidr, value: T): void {
    const length = Cidr.length(prefix);
    const values = this.#lengths.get(length) ?? new Map<bigint, T>();
    this.#lengths.set(length, values);
    values.set(this.#bits(prefix, length), value);
  }

  delete(prefix: Cidr): void {
    const length = Cidr.length(prefix);
    const values = this.#lengths.get(length);
    values?.delete(this.#bits(prefix, length));
    if (values?.size === 0) this.#lengths.delete(length);
  }

  get(prefix: Cidr): T | undefined {
    const length = Cidr.length(prefix);
    return this.#lengths.get(length)?.get(this.#bits(prefix, length));
  }

  /** Of prefixes that contain this one, itself included. */
  *around(prefix: Cidr): Generator<T> {
    const own = Cidr.length(prefix);
    for (const [length, values] of this.#lengths) {
      if (length > own) continue;
      const value = values.get(this.#bits(prefix, length));
      if (value !== undefined) yield value;
    }
  }

  /** Of longer prefixes in this one. */
  *within(prefix: Cidr): Generator<T> {
    const own = Cidr.length(prefix);
    const bits = this.#bits(prefix, own);
    for (const [length, values] of this.#lengths) {
      if (length <= own) continue;
      const shift = BigInt(length - own);
      for (const [each, value] of values) if (each >> shift === bits) yield value;
    }
  }

  #bits(prefix: Cidr, length: number): bigint {
    return IpAddress.toBigInt(Cidr.first(prefix)) >> BigInt(this.#width - length);
  }
}
