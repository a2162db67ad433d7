import { HashSegment } from "./hash-segment.ts";

/** From this size on it is cut into segments, so that growing is a pause of microseconds each time and not of a tenth of a second once. */
const WHOLE = 4096;
const SEGMENT_BITS = 6;

/** Handles by hash; several may have the same. Costs 11 to 22 bytes for each. */
export class HashIndex {
  #segments = [new HashSegment()];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The first with this hash that matches. */
  find(hash: number, matches: (handle: number) => boolean): number | undefined {
    return this.#segmentOf(hash).find(hash, matches);
  }

  /** Must not be there yet. */
  add(hash: number, handle: number): void {
    if (this.#size === WHOLE && this.#segments.length === 1) this.#cut();
    this.#segmentOf(hash).add(hash, handle);
    this.#size++;
  }

  /** Taking out what is not there is no error. */
  delete(hash: number, handle: number): void {
    if (this.#segmentOf(hash).delete(hash, handle)) this.#size--;
  }

  /** All handles, in pieces; each piece is what there is at the moment when it is asked for. */
  *pieces(): Generator<Uint32Array, void> {
    for (const segment of this.#segments) yield segment.values();
  }

  #segmentOf(hash: number): HashSegment {
    const segments = this.#segments;
    // There is always one: the high bits name no other.
    return segments[segments.length === 1 ? 0 : hash >>> (32 - SEGMENT_BITS)] as HashSegment;
  }

  #cut(): void {
    const [whole] = this.#segments;
    this.#segments = Array.from({ length: 2 ** SEGMENT_BITS }, () => new HashSegment());
    whole?.moveTo((hash) => this.#segmentOf(hash));
  }
}
