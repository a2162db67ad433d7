/** Bits per chunk. A search looks at no more than one chunk per level. */
const WIDTH = 1024;

interface Chunk {
  readonly words: Uint32Array;
  count: number;
}

/**
 * A set of whole numbers from 0 to 2^52, quick to find a gap in, however full. A chunk of bits exists only while a number in it is
 * present: a thousand neighbours cost some 400 bytes, an empty stretch nothing.
 *
 * Chunks without a gap are themselves numbers of a set of the same kind, and so on upwards; a search goes up until there is a gap and
 * down into it.
 */
export class SparseBitmap {
  readonly #chunks = new Map<number, Chunk>();
  #full: SparseBitmap | undefined;

  has(number: number): boolean {
    const { id, bit } = place(number);
    return (((this.#chunks.get(id)?.words[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
  }

  /** False when it was present already. */
  add(number: number): boolean {
    if (this.has(number)) return false;
    const { id, bit } = place(number);
    const chunk = this.#chunks.get(id) ?? this.#createChunk(id);
    chunk.words[bit >>> 5] = (chunk.words[bit >>> 5] ?? 0) | (1 << (bit & 31));
    chunk.count++;
    if (chunk.count === WIDTH) {
      this.#full ??= new SparseBitmap();
      this.#full.add(id);
    }
    return true;
  }

  /** False when it was absent already. */
  delete(number: number): boolean {
    const { id, bit } = place(number);
    const chunk = this.#chunks.get(id);
    if (chunk === undefined || !this.has(number)) return false;
    if (chunk.count === WIDTH) this.#full?.delete(id);
    chunk.words[bit >>> 5] = (chunk.words[bit >>> 5] ?? 0) & ~(1 << (bit & 31));
    chunk.count--;
    if (chunk.count === 0) this.#chunks.delete(id);
    return true;
  }

  /** The least number from this one on that is absent. */
  nextAbsent(number: number): number {
    const { id, bit } = place(number);
    const here = firstGap(this.#chunks.get(id), bit);
    if (here < WIDTH) return id * WIDTH + here;
    const next = this.#full?.nextAbsent(id + 1) ?? id + 1;
    return next * WIDTH + firstGap(this.#chunks.get(next), 0);
  }

  /** How many numbers from `first` to `last` are present. Takes time in proportion to what is present. */
  count(first: number, last: number): number {
    let count = 0;
    for (const [id, chunk] of this.#chunks) {
      const start = id * WIDTH;
      if (start >= first && start + WIDTH - 1 <= last) count += chunk.count;
      else if (start <= last && start + WIDTH > first) {
        const end = Math.min(last, start + WIDTH - 1);
        for (let number = Math.max(first, start); number <= end; number++) if (this.has(number)) count++;
      }
    }
    return count;
  }

  /** What is present, in no order; while it is read, numbers may come and go, and one that does both may be given twice. */
  *values(): Generator<number, void> {
    for (const [id, { words }] of this.#chunks) {
      for (let word = 0; word < words.length; word++) {
        for (let bits = words[word] ?? 0; bits !== 0; bits &= bits - 1) yield id * WIDTH + word * 32 + lowestBit(bits);
      }
    }
  }

  #createChunk(id: number): Chunk {
    const chunk = { words: new Uint32Array(WIDTH / 32), count: 0 };
    this.#chunks.set(id, chunk);
    return chunk;
  }
}

function place(number: number): { id: number; bit: number } {
  const id = Math.floor(number / WIDTH);
  return { id, bit: number - id * WIDTH };
}

/** The first bit from `from` on that is not set; {@link WIDTH} when there is none. */
function firstGap(chunk: Chunk | undefined, from: number): number {
  if (chunk === undefined) return from;
  let mask = -1 << (from & 31);
  for (let word = from >>> 5; word < chunk.words.length; word++) {
    const gaps = ~(chunk.words[word] ?? 0) & mask;
    if (gaps !== 0) return word * 32 + lowestBit(gaps);
    mask = -1;
  }
  return WIDTH;
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
