import { SparseBitmap } from "./sparse-bitmap.ts";

/** Bits of an offset that one bitmap covers; more than can ever be filled, so that every bitmap has gaps. */
const REGION_BITS = 50n;
const REGION_MASK = (1n << REGION_BITS) - 1n;

/** A set of offsets of any size, as they occur in v6: bitmaps side by side. */
export class OffsetSet {
  readonly #regions = new Map<bigint, SparseBitmap>();

  has(offset: bigint): boolean {
    return this.#regions.get(offset >> REGION_BITS)?.has(Number(offset & REGION_MASK)) ?? false;
  }

  add(offset: bigint): boolean {
    const id = offset >> REGION_BITS;
    let region = this.#regions.get(id);
    if (region === undefined) {
      region = new SparseBitmap();
      this.#regions.set(id, region);
    }
    return region.add(Number(offset & REGION_MASK));
  }

  delete(offset: bigint): boolean {
    return this.#regions.get(offset >> REGION_BITS)?.delete(Number(offset & REGION_MASK)) ?? false;
  }

  /** The least offset from this one on that is absent. */
  nextAbsent(offset: bigint): bigint {
    let from = offset;
    for (;;) {
      const region = this.#regions.get(from >> REGION_BITS);
      if (region === undefined) return from;
      const found = BigInt(region.nextAbsent(Number(from & REGION_MASK)));
      const start = (from >> REGION_BITS) << REGION_BITS;
      if (found <= REGION_MASK) return start + found;
      from = start + REGION_MASK + 1n;
    }
  }

  /** How many offsets from `first` to `last` are present. */
  count(first: bigint, last: bigint): number {
    let count = 0;
    for (const [id, region] of this.#regions) {
      const start = id << REGION_BITS;
      if (start > last || start + REGION_MASK < first) continue;
      const low = first > start ? first - start : 0n;
      const high = last < start + REGION_MASK ? last - start : REGION_MASK;
      count += region.count(Number(low), Number(high));
    }
    return count;
  }

  /** As {@link SparseBitmap.values}. */
  *values(): Generator<bigint, void> {
    for (const [id, region] of this.#regions) {
      const start = id << REGION_BITS;
      for (const number of region.values()) yield start + BigInt(number);
    }
  }
}
