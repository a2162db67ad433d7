import type { OffsetSet } from "./offset-set.ts";
import { ReleaseQueue } from "./release-queue.ts";
import { covers, type Span, sizeOf, spanFrom } from "./subnet-layout.ts";

/**
 * The addresses of a subnet that are given automatically to the same askers: to everybody, or to one owner of ranges. Which of them are
 * occupied is in the set of the subnet; here is how many are not, and which were released.
 */
export class Share {
  readonly spans: readonly Span[];
  readonly released = new ReleaseQueue();
  /** How many are not occupied. */
  unused: bigint;
  /** The offset that was given last. */
  cursor = -1n;

  constructor(spans: readonly Span[]) {
    this.spans = spans;
    this.unused = sizeOf(spans);
  }

  /** How many would be given now, as of the last `advance` of what was released. */
  get free(): bigint {
    return this.unused + BigInt(this.released.cooled);
  }

  has(offset: bigint): boolean {
    return covers(this.spans, offset);
  }

  /** What is to be given next: the next unused after the one given last; when there is none, the one released longest ago. */
  next(occupied: OffsetSet): bigint | undefined {
    if (this.unused === 0n) return this.released.cooled > 0 ? this.released.oldest()?.offset : undefined;
    const last = this.spans.at(-1)?.last ?? -1n;
    return (
      this.#nextUnused(occupied, { first: this.cursor + 1n, last }) ??
      this.#nextUnused(occupied, { first: 0n, last: this.cursor })
    );
  }

  /** Likewise in a part of the subnet only, beginning with its first address. */
  nextWithin(occupied: OffsetSet, part: Span): bigint | undefined {
    return this.#nextUnused(occupied, part) ?? this.released.oldestWithin(part)?.offset;
  }

  /** An address that was given and is unused again is next, unless another unused one comes before what was given last. */
  takeBack(occupied: OffsetSet, offset: bigint): void {
    if (offset > this.cursor) return;
    const between = this.#nextUnused(occupied, { first: offset + 1n, last: this.cursor });
    if (between === undefined) this.cursor = offset - 1n;
  }

  #nextUnused(occupied: OffsetSet, { first, last }: Span): bigint | undefined {
    for (let index = spanFrom(this.spans, first); index < this.spans.length; index++) {
      const span = this.spans[index];
      if (span === undefined || span.first > last) return undefined;
      const offset = occupied.nextAbsent(span.first > first ? span.first : first);
      if (offset <= (span.last < last ? span.last : last)) return offset;
    }
    return undefined;
  }
}
