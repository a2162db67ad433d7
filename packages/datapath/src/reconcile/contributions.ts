/** Where effective rows go. */
export interface RowSink<T> {
  set(row: T): void;
  delete(key: string): void;
}

interface Candidate<T> {
  readonly rank: number;
  readonly row: T;
}

/**
 * Rows that several owners may want under the same key, of which the one of highest rank counts: while an endpoint moves between nodes,
 * both its old and its new place say where its MAC is.
 */
export class Contributions<T extends { readonly key: string }> {
  readonly #sink: RowSink<T>;
  readonly #owned = new Map<string, ReadonlyMap<string, T>>();
  readonly #candidates = new Map<string, Map<string, Candidate<T>>>();

  constructor(sink: RowSink<T>) {
    this.#sink = sink;
  }

  /** The owner wants exactly these rows from now on. Gives the keys it had or has. */
  replace(owner: string, rows: readonly T[], rank = 0): ReadonlySet<string> {
    const before = this.#owned.get(owner) ?? new Map<string, T>();
    const after = new Map(rows.map((row) => [row.key, row]));
    if (after.size === 0) this.#owned.delete(owner);
    else this.#owned.set(owner, after);
    const touched = new Set([...before.keys(), ...after.keys()]);
    for (const key of touched) {
      const row = after.get(key);
      const candidates = this.#candidates.get(key) ?? new Map<string, Candidate<T>>();
      if (row === undefined) candidates.delete(owner);
      else candidates.set(owner, { rank, row });
      this.#settle(key, candidates);
    }
    return touched;
  }

  remove(owner: string): ReadonlySet<string> {
    return this.replace(owner, []);
  }

  #settle(key: string, candidates: Map<string, Candidate<T>>): void {
    if (candidates.size === 0) {
      this.#candidates.delete(key);
      this.#sink.delete(key);
      return;
    }
    this.#candidates.set(key, candidates);
    let best: Candidate<T> | undefined;
    for (const candidate of candidates.values()) {
      if (best === undefined || candidate.rank > best.rank) best = candidate;
    }
    if (best !== undefined) this.#sink.set(best.row);
  }
}
