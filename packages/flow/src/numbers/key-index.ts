/** Gives equal keys the same number, counted from 0. Keys are numbers of 32 bits, always as many. */
export interface KeyIndex {
  /** The number of the key that begins at `at`; a new one when it is new. -1: it is new, and there are as many as there may be. */
  find(words: Uint32Array, at: number): number;
  /** The same, but a key that is not there is not added: -1. */
  get(words: Uint32Array, at: number): number;
  readonly size: number;
  /** The words of all keys, one behind another, in the order of their numbers. */
  readonly keys: Uint32Array;
  /** Forgets all keys and keeps the memory. */
  clear(): void;
}

const FIRST_SLOTS = 1024;

/**
 * A hash table with open addressing and linear probing in flat memory: no object per key, one allocation per doubling.
 *
 * @param most so many keys at most, e.g. 1,000,000
 */
export function createKeyIndex(wordsPerKey: number, most: number): KeyIndex {
  let slots = new Int32Array(FIRST_SLOTS).fill(-1);
  let mask = FIRST_SLOTS - 1;
  let keys = new Uint32Array((FIRST_SLOTS / 2) * wordsPerKey);
  let size = 0;
  /** Has no accessors: V8 looks up every property of an object that has some. */
  const index = { size, keys, find, get, clear };

  function grow(): void {
    const larger = new Uint32Array(keys.length * 2);
    larger.set(keys);
    keys = larger;
    index.keys = keys;
    slots = new Int32Array(slots.length * 2).fill(-1);
    mask = slots.length - 1;
    for (let number = 0; number < size; number++)
      slots[freeSlot(hash(keys, number * wordsPerKey, wordsPerKey))] = number;
  }

  function freeSlot(hashed: number): number {
    let slot = hashed & mask;
    while ((slots[slot] ?? -1) >= 0) slot = (slot + 1) & mask;
    return slot;
  }

  function isAt(number: number, words: Uint32Array, at: number): boolean {
    const from = number * wordsPerKey;
    for (let word = 0; word < wordsPerKey; word++) if (keys[from + word] !== words[at + word]) return false;
    return true;
  }

  function add(words: Uint32Array, at: number, slot: number): number {
    if (size >= most) return -1;
    const number = size;
    size += 1;
    index.size = size;
    for (let word = 0; word < wordsPerKey; word++) keys[number * wordsPerKey + word] = words[at + word] ?? 0;
    slots[slot] = number;
    // At most half of the slots are taken, so that probing is short.
    if (size * 2 >= slots.length) grow();
    return number;
  }

  function find(words: Uint32Array, at: number): number {
    let slot = hash(words, at, wordsPerKey) & mask;
    for (;;) {
      const number = slots[slot] ?? -1;
      if (number < 0) return add(words, at, slot);
      if (isAt(number, words, at)) return number;
      slot = (slot + 1) & mask;
    }
  }

  function get(words: Uint32Array, at: number): number {
    let slot = hash(words, at, wordsPerKey) & mask;
    for (;;) {
      const number = slots[slot] ?? -1;
      if (number < 0 || isAt(number, words, at)) return number;
      slot = (slot + 1) & mask;
    }
  }

  function clear(): void {
    slots.fill(-1);
    size = 0;
    index.size = 0;
  }

  return index;
}

/**
 * Multiplies and turns, in two chains that the processor follows at once, and ends as MurmurHash3 (x86, 32 bits) does: keys that differ in few bits fall far
 * apart.
 */
function hash(words: Uint32Array, at: number, count: number): number {
  let even = count;
  let odd = 0x9747b28c;
  const last = at + count - 1;
  for (let word = at; word < last; word += 2) {
    even = Math.imul(even ^ (words[word] ?? 0), 0xcc9e2d51);
    odd = Math.imul(odd ^ (words[word + 1] ?? 0), 0x1b873593);
    even = (even << 15) | (even >>> 17);
    odd = (odd << 13) | (odd >>> 19);
  }
  if ((count & 1) === 1) even = Math.imul(even ^ (words[last] ?? 0), 0xcc9e2d51);
  let mixed = even ^ Math.imul(odd, 0xe6546b65);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
