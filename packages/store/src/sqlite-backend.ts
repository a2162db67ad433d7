import type { StatementSync } from "node:sqlite";
import type { Backend, KeyRange, LeaseRecord, Mark, Writer } from "./backend.ts";
import { compareKeys, endOfPrefix } from "./keys.ts";
import { openSqliteFile, type SqliteFile, type Survives, translating } from "./sqlite-file.ts";
import { LONGEST_IN_ROW } from "./sqlite-schema.ts";
import { statements } from "./sqlite-statements.ts";
import type { Change, ChangeBatch, Entry } from "./store.ts";

/** In SQLite every blob is above every text: the end of all keys. */
const ABOVE_ALL_TEXT = new Uint8Array(1);

/** From so many keys on, one statement for all of them is quicker than one for each. */
const MANY = 100;

/** Keeps the records in a SQLite file that this process alone has open. */
export class SqliteBackend implements Backend, Writer {
  readonly #path: string;
  readonly #file: SqliteFile;
  readonly #sql: ReturnType<typeof statements>;
  #newest = 0;
  #compacted = 0;
  /** Whether a transaction is open. It begins with the first change, so that a group which changes nothing costs no disk access. */
  #writing = false;

  /** @throws HoldfastError as {@link openSqliteFile}. */
  constructor(path: string, survives?: Survives) {
    this.#path = path;
    this.#file = openSqliteFile(path, survives);
    try {
      this.#sql = translating(path, () => statements(this.#file.database));
      translating(path, () => this.#load());
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  get newest(): number {
    return this.#newest;
  }

  get compacted(): number {
    return this.#compacted;
  }

  get(key: string): Entry | undefined {
    const row = translating(this.#path, () => this.#sql.get.get(key));
    return row === undefined ? undefined : this.#entryOf(row);
  }

  list({ prefix, after = "", limit = -1 }: KeyRange): readonly Entry[] {
    const end = endOfPrefix(prefix) ?? ABOVE_ALL_TEXT;
    // One lower bound: of two, SQLite would look up the one and walk to the other, over everything before the page.
    const begun = compareKeys(after, prefix) >= 0;
    return translating(this.#path, () =>
      begun ? this.#sql.listAfter.all(after, end, limit) : this.#sql.list.all(prefix, end, limit),
    ).map((row) => this.#entryOf(row));
  }

  history(after: number, changes: number): readonly ChangeBatch[] {
    return translating(this.#path, () => {
      const batches: ChangeBatch[] = [];
      let count = 0;
      for (const row of this.#sql.history.iterate(after)) {
        const batch = batchOf(Number(row.revision), String(row.changes));
        batches.push(batch);
        count += batch.changes.length;
        if (count >= changes) break;
      }
      return batches;
    });
  }

  leases(): readonly LeaseRecord[] {
    return translating(this.#path, () => this.#sql.leases.all()).map((row) => ({
      id: String(row.id),
      ttlMilliseconds: Number(row.ttl),
      expires: Number(row.expires),
    }));
  }

  write<T>(work: (writer: Writer) => T): T {
    const before = { newest: this.#newest, compacted: this.#compacted };
    try {
      const result = work(this);
      if (this.#writing) translating(this.#path, () => this.#sql.commit.run());
      return result;
    } catch (error) {
      if (this.#file.database.isTransaction) this.#sql.rollback.run();
      this.#newest = before.newest;
      this.#compacted = before.compacted;
      throw error;
    } finally {
      this.#writing = false;
    }
  }

  mark(key: string): Mark | undefined {
    const row = translating(this.#path, () => this.#sql.mark.get(key));
    return row === undefined ? undefined : { revision: Number(row.revision), created: Number(row.created) };
  }

  marks(keys: readonly string[]): ReadonlyMap<string, Mark | undefined> {
    if (keys.length < MANY) return new Map(keys.map((key) => [key, this.mark(key)]));
    const found = translating(this.#path, () => this.#sql.marks.all(JSON.stringify(keys)));
    const marks = new Map<string, Mark | undefined>(keys.map((key) => [key, undefined]));
    for (const { key, revision, created } of found) {
      marks.set(String(key), { revision: Number(revision), created: Number(created) });
    }
    return marks;
  }

  apply({ revision, changes }: ChangeBatch, leases: ReadonlyMap<string, string>): void {
    const history = JSON.stringify(changes.map(recorded));
    const together = changes.length >= MANY && leases.size === 0 && changes.every(fitsInRow);
    this.#change(() => {
      if (together) this.#applyTogether({ revision, changes }, history);
      else for (const change of changes) this.#apply(change, leases);
      this.#sql.record.run(revision, history);
    });
    this.#newest = revision;
  }

  compact(revision: number): void {
    this.#change(() => {
      this.#sql.forget.run(revision);
      this.#sql.setCompacted.run(revision);
      this.#compacted = revision;
    });
  }

  hasLease(id: string): boolean {
    return translating(this.#path, () => this.#sql.hasLease.get(id)) !== undefined;
  }

  putLease({ id, ttlMilliseconds, expires }: LeaseRecord): void {
    this.#change(() => this.#sql.putLease.run(id, ttlMilliseconds, expires));
  }

  deleteLease(id: string): void {
    this.#change(() => this.#sql.deleteLease.run(id));
  }

  keysOfLease(id: string): readonly string[] {
    return translating(this.#path, () => this.#sql.keysOfLease.all(id)).map((row) => String(row.key));
  }

  close(): void {
    translating(this.#path, () => this.#file.close());
  }

  #apply(change: Change, leases: ReadonlyMap<string, string>): void {
    if (change.kind === "delete") {
      this.#sql.delete.run(change.key);
      return;
    }
    const { key, value, revision, created } = change.entry;
    const lease = leases.get(key) ?? null;
    if (fitsInRow(change)) this.#sql.put.run(key, value, revision, created, lease, null);
    else this.#sql.put.run(key, "", revision, created, lease, this.#sql.putLong.run(value).lastInsertRowid);
  }

  /** No key is there twice, so that the order does not matter. `history`: all of them, as the history has them. */
  #applyTogether({ revision, changes }: ChangeBatch, history: string): void {
    const deleted = changes.filter(({ kind }) => kind === "delete");
    const put = changes.filter(({ kind }) => kind === "put");
    if (deleted.length > 0) this.#sql.deleteMany.run(JSON.stringify(deleted.map(keyOf)));
    if (put.length > 0) {
      this.#sql.putMany.run(revision, deleted.length === 0 ? history : JSON.stringify(put.map(recorded)));
    }
  }

  #change(run: () => void): void {
    translating(this.#path, () => {
      if (!this.#writing) this.#sql.begin.run();
      this.#writing = true;
      run();
    });
  }

  #entryOf(row: Row): Entry {
    const { long = null } = row;
    const { value } = long === null ? row : (translating(this.#path, () => this.#sql.getLong.get(long)) ?? row);
    return {
      key: String(row.key),
      value: String(value),
      revision: Number(row.revision),
      created: Number(row.created),
    };
  }

  #load(): void {
    this.#compacted = Number(this.#sql.compacted.get()?.value);
    this.#newest = Math.max(this.#compacted, Number(this.#sql.newest.get()?.revision ?? 0));
  }
}

type Row = ReturnType<StatementSync["all"]>[number];

/** A change as the history has it: key, value and first revision of a put; only the key of a deletion. */
type Recorded = readonly [key: string, value: string, created: number] | readonly [key: string];

function recorded(change: Change): Recorded {
  return change.kind === "delete" ? [change.key] : [change.entry.key, change.entry.value, change.entry.created];
}

function keyOf(change: Change): string {
  return change.kind === "delete" ? change.key : change.entry.key;
}

function fitsInRow(change: Change): boolean {
  return change.kind === "delete" || change.entry.value.length <= LONGEST_IN_ROW;
}

function batchOf(revision: number, changes: string): ChangeBatch {
  return { revision, changes: (JSON.parse(changes) as Recorded[]).map((one) => changeOf(one, revision)) };
}

function changeOf([key, value, created]: Recorded, revision: number): Change {
  if (value === undefined || created === undefined) return { kind: "delete", key, revision };
  return { kind: "put", entry: { key, value, revision, created } };
}
