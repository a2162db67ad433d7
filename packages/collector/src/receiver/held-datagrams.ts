/** Datagrams in the order in which they came, in memory that is always the same. */
export interface HeldDatagrams {
  /** False: there is no room for it now. */
  push(view: DataView, start: number, length: number, at: number): boolean;
  /** When the oldest came; infinity when there is none. */
  oldest(): number;
  /** Takes the oldest out and hands it on, where it lies. False: there is none. */
  shift(read: (view: DataView, start: number, length: number, at: number) => void): boolean;
}

/** Before each datagram: when it came and how long it is. */
const HEAD = 16;
/** A ring of bytes, so that what waits is no work for the garbage collector. A datagram lies in one piece; its head begins at a multiple of 8. */
export function createHeldDatagrams(bytes: number): HeldDatagrams {
  const size = bytes - (bytes % 8);
  const memory = new Uint8Array(size);
  const ring = new DataView(memory.buffer);
  let [first, next, count] = [0, 0, 0];
  /** Behind the last one before the ring's end. */
  let turn = size;

  /** Where so many bytes fit, or -1. */
  function room(needed: number): number {
    if (count === 0) [first, next, turn] = [0, 0, size];
    const isWrapped = count > 0 && next <= first;
    if (isWrapped) return needed <= first - next ? next : -1;
    if (needed <= size - next) return next;
    return needed <= first ? 0 : -1;
  }

  return {
    push(view, start, length, at) {
      const needed = HEAD + length + ((8 - (length % 8)) % 8);
      const place = room(needed);
      if (place < 0) return false;
      if (place !== next) turn = next;
      ring.setFloat64(place, at);
      ring.setUint32(place + 8, length);
      memory.set(new Uint8Array(view.buffer, view.byteOffset + start, length), place + HEAD);
      next = place + needed;
      count += 1;
      return true;
    },
    oldest: () => (count === 0 ? Number.POSITIVE_INFINITY : ring.getFloat64(first)),
    shift(read) {
      if (count === 0) return false;
      const length = ring.getUint32(first + 8);
      const place = first;
      first += HEAD + length + ((8 - (length % 8)) % 8);
      count -= 1;
      if (first === turn) [first, turn] = [0, size];
      read(ring, place + HEAD, length, ring.getFloat64(place));
      return true;
    },
  };
}
