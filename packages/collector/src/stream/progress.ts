/** How far the datagrams of each receiver have been read: what comes twice is told from what is new, and what never came is counted. */
export interface Progress {
  /** End of the last window that the reader before had finished, in milliseconds since 1970; 0: there is none. */
  readonly at: number;
  /** An entry of this receiver is read next. */
  hear(from: string): void;
  /** False: the datagram of this number was read before. */
  isNew(from: string, number: number): boolean;
  /** The datagram of this number has been read; those that were left out before it never come, and are lost. */
  advance(from: string, number: number): void;
  /** Datagrams that have a number and were never read. */
  readonly lost: number;
  /** Datagrams that came once more. */
  readonly repeated: number;
  /** All that a later reader has to know, as text. @param end of the last window that it has not to read again, milliseconds since 1970 */
  checkpoint(end: number): string;
}

/** Receivers begin a new life with each start; of so many of those heard of last, entries are known again. */
const MOST_LIVES = 64;

interface Checkpoint {
  readonly at: number;
  /** Of each life of a receiver, the number of the datagram that comes next; who was heard of last comes last. */
  readonly next: readonly (readonly [from: string, number: number])[];
}

/** @param before the checkpoint of the reader before; undefined: nothing was ever read */
export function createProgress(before: string | undefined): Progress {
  const { at, next: known } = readCheckpoint(before);
  const next = new Map<string, number>(known);
  const counts = { lost: 0, repeated: 0 };
  return {
    at,
    get lost() {
      return counts.lost;
    },
    get repeated() {
      return counts.repeated;
    },
    hear(from) {
      const number = next.get(from) ?? 0;
      next.delete(from);
      next.set(from, number);
    },
    isNew(from, number) {
      const isNew = number >= (next.get(from) ?? 0);
      if (!isNew) counts.repeated += 1;
      return isNew;
    },
    advance(from, number) {
      counts.lost += number - (next.get(from) ?? 0);
      next.set(from, number + 1);
    },
    checkpoint(end) {
      return JSON.stringify({ at: end, next: [...next].slice(-MOST_LIVES) } satisfies Checkpoint);
    },
  };
}

function readCheckpoint(text: string | undefined): Checkpoint {
  return text === undefined ? { at: 0, next: [] } : (JSON.parse(text) as Checkpoint);
}
