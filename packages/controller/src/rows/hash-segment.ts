const LEAST_PLACES = 8;

/** Numbers by their hash in one array: linear probing, hashes kept beside, so that nothing needs to be hashed again when it grows. */
export class HashSegment {
  /** Pairs of a hash and what has it, plus one; 0: the place is empty. */
  #pairs = new Uint32Array(2 * LEAST_PLACES);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The first with this hash that matches. */
  find(hash: number, matches: (value: number) => boolean): number | undefined {
    const pairs = this.#pairs;
    const mask = pairs.length / 2 - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const marked = pairs[2 * place + 1] ?? 0;
      if (marked === 0) return undefined;
      if (pairs[2 * place] === hash && matches(marked - 1)) return marked - 1;
    }
  }

  /** Must not be there yet. */
  add(hash: number, value: number): void {
    if ((this.#size + 1) * 8 > this.#pairs.length * 3) this.#resize(this.#pairs.length * 2);
    insert(this.#pairs, hash, value + 1);
    this.#size++;
  }

  /** Whether it was there. */
  delete(hash: number, value: number): boolean {
    const place = this.#placeOf(hash, value);
    if (place === undefined) return false;
    close(this.#pairs, place);
    this.#size--;
    if (this.#size * 16 < this.#pairs.length && this.#pairs.length > 2 * LEAST_PLACES) {
      this.#resize(this.#pairs.length / 2);
    }
    return true;
  }

  /** Everything that is in it now, in no order. */
  values(): Uint32Array {
    const values = new Uint32Array(this.#size);
    let count = 0;
    for (let index = 1; index < this.#pairs.length; index += 2) {
      const marked = this.#pairs[index] ?? 0;
      if (marked !== 0) values[count++] = marked - 1;
    }
    return values;
  }

  /** Puts everything into other segments. */
  moveTo(segmentOf: (hash: number) => HashSegment): void {
    for (let index = 0; index < this.#pairs.length; index += 2) {
      const marked = this.#pairs[index + 1] ?? 0;
      const hash = this.#pairs[index] ?? 0;
      if (marked !== 0) segmentOf(hash).add(hash, marked - 1);
    }
  }

  #placeOf(hash: number, value: number): number | undefined {
    const mask = this.#pairs.length / 2 - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const marked = this.#pairs[2 * place + 1] ?? 0;
      if (marked === 0) return undefined;
      if (marked === value + 1 && this.#pairs[2 * place] === hash) return place;
    }
  }

  #resize(length: number): void {
    const old = this.#pairs;
    this.#pairs = new Uint32Array(length);
    for (let index = 0; index < old.length; index += 2) {
      const marked = old[index + 1] ?? 0;
      if (marked !== 0) insert(this.#pairs, old[index] ?? 0, marked);
    }
  }
}

function insert(pairs: Uint32Array, hash: number, marked: number): void {
  const mask = pairs.length / 2 - 1;
  let place = hash & mask;
  while (pairs[2 * place + 1] !== 0) place = (place + 1) & mask;
  pairs[2 * place] = hash;
  pairs[2 * place + 1] = marked;
}

/** Empties a place and moves up what probing would no longer find behind the gap. */
function close(pairs: Uint32Array, place: number): void {
  const mask = pairs.length / 2 - 1;
  let gap = place;
  for (let next = (gap + 1) & mask; pairs[2 * next + 1] !== 0; next = (next + 1) & mask) {
    const home = (pairs[2 * next] ?? 0) & mask;
    if (((next - home) & mask) < ((next - gap) & mask)) continue;
    pairs[2 * gap] = pairs[2 * next] ?? 0;
    pairs[2 * gap + 1] = pairs[2 * next + 1] ?? 0;
    gap = next;
  }
  pairs[2 * gap + 1] = 0;
}
