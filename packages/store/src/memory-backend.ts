import type { Backend, KeyRange, LeaseRecord, Writer } from "./backend.ts";
import { compareKeys } from "./keys.ts";
import type { ChangeBatch, Entry } from "./store.ts";

/** Keeps everything in this process, for tests and for what need not outlive it. */
export class MemoryBackend implements Backend, Writer {
  newest = 0;
  compacted = 0;
  readonly #entries = new Map<string, { readonly entry: Entry; readonly lease: string | undefined }>();
  readonly #keys: string[] = [];
  readonly #history: ChangeBatch[] = [];
  readonly #leases = new Map<string, LeaseRecord>();

  get(key: string): Entry | undefined {
    return this.#entries.get(key)?.entry;
  }

  list({ prefix, after, limit = Number.POSITIVE_INFINITY }: KeyRange): readonly Entry[] {
    const found: Entry[] = [];
    let index = this.#place(prefix);
    if (after !== undefined && compareKeys(after, prefix) >= 0) {
      index = this.#place(after);
      if (this.#keys[index] === after) index++;
    }
    for (; index < this.#keys.length && found.length < limit; index++) {
      const entry = this.get(this.#keys[index] ?? "");
      if (entry === undefined || !entry.key.startsWith(prefix)) break;
      found.push(entry);
    }
    return found;
  }

  history(after: number, changes: number): readonly ChangeBatch[] {
    const batches: ChangeBatch[] = [];
    let index = lowerBound(this.#history.length, (at) => (this.#history[at]?.revision ?? 0) <= after);
    for (let count = 0; index < this.#history.length && count < changes; index++) {
      const batch = this.#history[index];
      if (batch === undefined) break;
      batches.push(batch);
      count += batch.changes.length;
    }
    return batches;
  }

  leases(): readonly LeaseRecord[] {
    return [...this.#leases.values()];
  }

  /** The store checks everything before its first write, and writing to memory does not fail: there is nothing to take back. */
  write<T>(work: (writer: Writer) => T): T {
    return work(this);
  }

  mark(key: string): Entry | undefined {
    return this.get(key);
  }

  marks(keys: readonly string[]): ReadonlyMap<string, Entry | undefined> {
    return new Map(keys.map((key) => [key, this.get(key)]));
  }

  apply(batch: ChangeBatch, leases: ReadonlyMap<string, string>): void {
    this.#history.push(batch);
    this.newest = batch.revision;
    for (const change of batch.changes) {
      if (change.kind === "delete") this.#delete(change.key);
      else this.#put(change.entry, leases.get(change.entry.key));
    }
  }

  compact(revision: number): void {
    const kept = lowerBound(this.#history.length, (at) => (this.#history[at]?.revision ?? 0) <= revision);
    this.#history.splice(0, kept);
    this.compacted = revision;
  }

  hasLease(id: string): boolean {
    return this.#leases.has(id);
  }

  putLease(lease: LeaseRecord): void {
    this.#leases.set(lease.id, lease);
  }

  deleteLease(id: string): void {
    this.#leases.delete(id);
  }

  keysOfLease(id: string): readonly string[] {
    return this.#keys.filter((key) => this.#entries.get(key)?.lease === id);
  }

  close(): void {}

  #put(entry: Entry, lease: string | undefined): void {
    const { key } = entry;
    if (!this.#entries.has(key)) this.#keys.splice(this.#place(key), 0, key);
    this.#entries.set(key, { entry, lease });
  }

  #delete(key: string): void {
    if (this.#entries.delete(key)) this.#keys.splice(this.#place(key), 1);
  }

  /** Index of the first key that is not below `key`. */
  #place(key: string): number {
    return lowerBound(this.#keys.length, (at) => compareKeys(this.#keys[at] ?? "", key) < 0);
  }
}

/** The first index from 0 to `length` for which `below` is false; it must be true before and false after. */
function lowerBound(length: number, below: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (below(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
