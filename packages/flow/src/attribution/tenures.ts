import { createKeyIndex } from "../numbers/key-index.ts";

/** Nobody had it. */
export const NOBODY = -1;
/** Several had it whom nothing tells apart. */
export const AMBIGUOUS = -2;

/** Any node or network will do. */
export const ANY = -1;

/** Whose tenure it is: an owner's number, and where that is. */
export interface Holder {
  readonly owner: number;
  readonly node: number;
  readonly network: number;
}

/** Who had a key from when to when; a key may have several owners at once, and had others before. */
export interface Tenures {
  /** Says that an owner has the key from a time on, in milliseconds since 1970. Of one that has it already, the time is put right. */
  begin(words: Uint32Array, holder: Holder, from: number): void;
  /** Says when that ended. Of an owner that does not have it: nothing. */
  end(words: Uint32Array, holder: Holder, to: number): void;
  /** The key's number; below 0: nobody has or had it. */
  keyOf(words: Uint32Array): number;
  /**
   * Who had a key at a time, of those at a node or in a network, or {@link ANY}. Of several owners in one network it is who came last: there, an address
   * has one owner, and the end of the one before is just not known yet.
   *
   * @returns an owner's number, {@link NOBODY} or {@link AMBIGUOUS}
   */
  find(key: number, time: number, node: number, network: number): number;
  /** Who had it last of those, until a time or not much longer before it; {@link NOBODY}: nobody. */
  last(key: number, time: number, node: number, network: number): number;
  /** Who had it last, of a key that one has at a time; {@link NOBODY}: nobody, or another had it until just before, too. */
  alone(key: number, time: number): number;
  /** Drops what ended before a time. */
  forget(before: number): void;
  /** Keys that have or had an owner. */
  readonly size: number;
}

const FIRST = 1024;
const NONE = -1;
/** Words of a tenure. It begins with two numbers of 64 bits, so that the four that follow lie beside them and it is one line of the processor's cache. */
const WORDS = 8;
const TIMES = 4;
const [FROM, TO] = [0, 1];
/** The tenure of the same key that began before, or the next one that is free. */
const [OWNER, OLDER, NODE, NETWORK] = [4, 5, 6, 7];

/**
 * Flat memory: a hash index from keys to their newest tenure, and from there a list that goes back in time. No object per key or tenure, and no
 * allocation in `find`.
 *
 * @param late milliseconds that a tenure may be over for {@link Tenures.last} and {@link Tenures.alone}
 */
export function createTenures(wordsPerKey: number, late = 0): Tenures {
  let keys = createKeyIndex(wordsPerKey, Number.POSITIVE_INFINITY);
  /** By key: its newest tenure. */
  let newest = new Int32Array(FIRST).fill(NONE);
  let cells = new Int32Array(FIRST * WORDS);
  /** The same memory. */
  let times = new Float64Array(cells.buffer);
  let count = 0;
  let free = NONE;

  const older = (tenure: number): number => cells[tenure * WORDS + OLDER] ?? NONE;
  const from = (tenure: number): number => times[tenure * TIMES + FROM] ?? 0;
  const to = (tenure: number): number => times[tenure * TIMES + TO] ?? 0;

  /** The one of an owner that has not ended. */
  function openTenure(key: number, owner: number): number {
    let tenure = key < 0 ? NONE : (newest[key] ?? NONE);
    while (tenure !== NONE && (cells[tenure * WORDS + OWNER] !== owner || to(tenure) !== Number.POSITIVE_INFINITY))
      tenure = older(tenure);
    return tenure;
  }

  function take(): number {
    if (free !== NONE) {
      const taken = free;
      free = older(taken);
      return taken;
    }
    if (count * WORDS === cells.length) {
      cells = grownInts(cells);
      times = new Float64Array(cells.buffer);
    }
    return count++;
  }

  function link(key: number, tenure: number): void {
    let after = NONE;
    let before = newest[key] ?? NONE;
    while (before !== NONE && from(before) > from(tenure)) {
      after = before;
      before = older(before);
    }
    cells[tenure * WORDS + OLDER] = before;
    if (after === NONE) newest[key] = tenure;
    else cells[after * WORDS + OLDER] = tenure;
  }

  function unlink(key: number, tenure: number): void {
    if (newest[key] === tenure) {
      newest[key] = older(tenure);
      return;
    }
    let after = newest[key] ?? NONE;
    while (older(after) !== tenure) after = older(after);
    cells[after * WORDS + OLDER] = older(tenure);
  }

  function isOf(tenure: number, node: number, network: number): boolean {
    if (node !== ANY && cells[tenure * WORDS + NODE] !== node) return false;
    return network === ANY || cells[tenure * WORDS + NETWORK] === network;
  }

  /** Drops what ended before; gives whether the key has anything left. */
  function prune(key: number, before: number): boolean {
    for (let tenure = newest[key] ?? NONE; tenure !== NONE; ) {
      const next = older(tenure);
      if (to(tenure) < before) {
        unlink(key, tenure);
        cells[tenure * WORDS + OLDER] = free;
        free = tenure;
      }
      tenure = next;
    }
    return newest[key] !== NONE;
  }

  /** Keys are not taken out of an index one by one: those that are left go into a new one. */
  function rebuild(): void {
    const [former, heads] = [keys, newest];
    keys = createKeyIndex(wordsPerKey, Number.POSITIVE_INFINITY);
    newest = new Int32Array(heads.length).fill(NONE);
    for (let key = 0; key < former.size; key++)
      if (heads[key] !== NONE) newest[keys.find(former.keys, key * wordsPerKey)] = heads[key] ?? NONE;
  }

  return {
    get size() {
      return keys.size;
    },
    begin(words, { owner, node, network }, at) {
      const key = keys.find(words, 0);
      if (key >= newest.length) newest = grownInts(newest, NONE);
      const known = openTenure(key, owner);
      if (known !== NONE) unlink(key, known);
      const tenure = known === NONE ? take() : known;
      cells.set([owner, NONE, node, network], tenure * WORDS + OWNER);
      times.set([at, Number.POSITIVE_INFINITY], tenure * TIMES);
      link(key, tenure);
    },
    end(words, { owner }, at) {
      const tenure = openTenure(keys.get(words, 0), owner);
      if (tenure !== NONE) times[tenure * TIMES + TO] = at;
    },
    keyOf: (words) => keys.get(words, 0),
    find(key, time, node, network) {
      if (key < 0) return NOBODY;
      let found = NOBODY;
      let foundNetwork = ANY;
      for (let tenure = newest[key] ?? NONE; tenure !== NONE; tenure = older(tenure)) {
        const at = tenure * WORDS;
        if (from(tenure) > time || to(tenure) <= time || !isOf(tenure, node, network)) continue;
        if (found === NOBODY) {
          found = cells[at + OWNER] ?? NOBODY;
          foundNetwork = cells[at + NETWORK] ?? ANY;
        } else if (cells[at + NETWORK] !== foundNetwork) return AMBIGUOUS;
      }
      return found;
    },
    last(key, time, node, network) {
      let tenure = key < 0 ? NONE : (newest[key] ?? NONE);
      while (tenure !== NONE && !(from(tenure) <= time && time < to(tenure) + late && isOf(tenure, node, network)))
        tenure = older(tenure);
      return tenure === NONE ? NOBODY : (cells[tenure * WORDS + OWNER] ?? NOBODY);
    },
    alone(key, time) {
      let found = NOBODY;
      for (let tenure = key < 0 ? NONE : (newest[key] ?? NONE); tenure !== NONE; tenure = older(tenure)) {
        if (from(tenure) > time || time >= to(tenure) + late) continue;
        const owner = cells[tenure * WORDS + OWNER] ?? NOBODY;
        if (found !== NOBODY && owner !== found) return NOBODY;
        if (from(tenure) + late <= time) return owner;
        found = owner;
      }
      return found;
    },
    forget(before) {
      let empty = 0;
      for (let key = 0; key < keys.size; key++) if (!prune(key, before)) empty += 1;
      if (empty > keys.size / 2) rebuild();
    },
  };
}

function grownInts(before: Int32Array<ArrayBuffer>, filling = 0): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(before.length * 2).fill(filling);
  larger.set(before);
  return larger;
}
