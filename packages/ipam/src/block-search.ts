import { type Span, sizeOf, spanFrom } from "./subnet-layout.ts";

/** An aligned stretch of a subnet with the offsets in it that are given automatically. */
export interface FoundBlock {
  /** Offset of its first address; a multiple of its size. */
  readonly first: bigint;
  readonly usable: readonly Span[];
}

/** Where a search was, so that the next one goes on behind it. */
export interface BlockSearch {
  /** `next`: offset at which the next search begins. */
  readonly found: FoundBlock | undefined;
  readonly next: bigint;
}

/** Stretches that one search looks at: what it costs is bounded, and the next search goes on where it ended. */
const MOST_LOOKED_AT = 4096;

/**
 * The next aligned stretch from an offset on in which every allocatable offset is free; they are at least half of it, so that a stretch that
 * the ranges cut to a rest is left to single addresses.
 */
export function searchBlock(
  allocatable: readonly Span[],
  isFree: (offset: bigint) => boolean,
  { from, size }: { readonly from: bigint; readonly size: bigint },
): BlockSearch {
  let next = from;
  let wrapped = false;
  for (let looked = 0; looked < MOST_LOOKED_AT; looked++) {
    const index = spanFrom(allocatable, next);
    const span = allocatable[index];
    if (span === undefined) {
      if (wrapped || allocatable.length === 0) return { found: undefined, next: 0n };
      wrapped = true;
      next = 0n;
      continue;
    }
    if (wrapped && next >= from) return { found: undefined, next };
    const first = span.first > next ? span.first - (span.first % size) : next - (next % size);
    const usable = within(allocatable, index, { first, last: first + size - 1n });
    next = first + size;
    if (sizeOf(usable) * 2n >= size && everyOffset(usable, isFree)) return { found: { first, usable }, next };
  }
  return { found: undefined, next };
}

/** What the spans, from an index on, have in common with a stretch. */
function within(spans: readonly Span[], from: number, { first, last }: Span): readonly Span[] {
  const common: Span[] = [];
  for (let index = from; index < spans.length; index++) {
    const span = spans[index];
    if (span === undefined || span.first > last) break;
    common.push({ first: span.first > first ? span.first : first, last: span.last < last ? span.last : last });
  }
  return common;
}

function everyOffset(spans: readonly Span[], holds: (offset: bigint) => boolean): boolean {
  for (const { first, last } of spans) {
    for (let offset = first; offset <= last; offset++) if (!holds(offset)) return false;
  }
  return true;
}
