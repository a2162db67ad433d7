import { randomUUID } from "node:crypto";
import { type Clock, errorText, HoldfastError, type Logger } from "@holdfast/core";
import type { Backend, Writer } from "./backend.ts";
import { ChangeFeed } from "./change-feed.ts";
import { closedError, GroupCommit, type Outcome } from "./group-commit.ts";
import { checkKey } from "./keys.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import type { Change, ChangeBatch, CommitResult, Entry, Lease, Page, Store, Transaction } from "./store.ts";

/** How long to wait before expired leases are removed again after that failed. */
const SWEEP_RETRY_MILLISECONDS = 1000;

export interface RevisionedStoreOptions {
  /** How many of the newest revisions watchers can go back to. Default 100000. Up to a hundredth more may be kept. */
  readonly keepRevisions?: number;
}

/** The {@link Store} over records that one process owns: revisions, conditions, leases and feeds; the backend only keeps them. */
export class RevisionedStore implements Store {
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #keepRevisions: number;
  readonly #group: GroupCommit;
  readonly #feed: ChangeFeed;
  readonly #leases: LeaseKeeper;

  constructor(dependencies: { backend: Backend; clock: Clock; logger: Logger }, options: RevisionedStoreOptions = {}) {
    const { keepRevisions = 100_000 } = options;
    checkCount("keepRevisions", keepRevisions);
    this.#keepRevisions = keepRevisions;
    this.#backend = dependencies.backend;
    this.#clock = dependencies.clock;
    this.#logger = dependencies.logger;
    this.#group = new GroupCommit(this.#backend);
    this.#feed = new ChangeFeed(this.#backend);
    this.#leases = new LeaseKeeper(this.#clock, (ids) => void this.#endLeases(ids));
    this.#restoreLeases();
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#checkOpen();
    return this.#backend.get(key);
  }

  async list(prefix: string, options: { readonly limit?: number; readonly after?: string } = {}): Promise<Page> {
    const { limit = 0, after } = options;
    this.#checkOpen();
    checkCount("limit", limit);
    const entries = this.#backend.list({ prefix, after, limit: limit === 0 ? undefined : limit + 1 });
    const more = limit !== 0 && entries.length > limit;
    return { entries: more ? entries.slice(0, limit) : entries, revision: this.#backend.newest, more };
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    checkTransaction(transaction);
    return this.#group.run((writer) => this.#commit(writer, transaction));
  }

  watch(
    prefix: string,
    options: { readonly after: number; readonly signal: AbortSignal },
  ): AsyncGenerator<ChangeBatch, void> {
    return this.#feed.watch(prefix, options.after, options.signal);
  }

  async revision(): Promise<number> {
    this.#checkOpen();
    return this.#backend.newest;
  }

  async compact(revision: number): Promise<void> {
    checkCount("revision", revision);
    return this.#group.run((writer) => {
      if (revision > writer.newest) {
        const message = `cannot compact up to revision ${revision}: the store is at ${writer.newest}`;
        return { kind: "refused", error: new HoldfastError("invalid_argument", message) };
      }
      if (revision > writer.compacted) writer.compact(revision);
      return { kind: "done", result: undefined };
    });
  }

  async grantLease(ttlMilliseconds: number): Promise<Lease> {
    if (!Number.isFinite(ttlMilliseconds) || ttlMilliseconds < 1) {
      throw new HoldfastError("invalid_argument", `a lease lasts at least 1 ms, not ${ttlMilliseconds}`);
    }
    const id = randomUUID();
    const ttl = Math.ceil(ttlMilliseconds);
    await this.#group.run((writer) => this.#startLease(writer, id, ttl));
    return {
      id,
      keepAlive: () =>
        this.#group.run((writer) => (this.#leaseHolds(writer, id) ? this.#startLease(writer, id, ttl) : noLease(id))),
      revoke: () => this.#group.run((writer) => this.#endLease(writer, id)),
    };
  }

  async close(): Promise<void> {
    if (this.#group.closed) return;
    this.#group.close();
    this.#leases.close();
    this.#feed.close();
    this.#backend.close();
  }

  #commit(writer: Writer, { conditions, operations }: Transaction): Outcome<CommitResult> {
    const conflicts = conditions.filter(({ key, revision }) => (writer.get(key)?.revision ?? 0) !== revision);
    if (conflicts.length > 0) return { kind: "done", result: { kind: "conflict", conflicts } };
    const changes: { change: Change; lease: string | undefined }[] = [];
    const revision = writer.newest + 1;
    for (const operation of operations) {
      const { key } = operation;
      const present = writer.get(key);
      if (operation.kind === "delete") {
        if (present) changes.push({ change: { kind: "delete", key, revision }, lease: undefined });
        continue;
      }
      const { value, lease } = operation;
      if (lease !== undefined && !this.#leaseHolds(writer, lease)) return noLease(lease);
      const entry = { key, value, revision, created: present?.created ?? revision };
      changes.push({ change: { kind: "put", entry }, lease });
    }
    if (changes.length === 0) return { kind: "done", result: { kind: "committed", revision: writer.newest } };
    for (const { change, lease } of changes) writer.apply(change, lease);
    this.#forgetOldHistory(writer);
    const batch = { revision, changes: changes.map(({ change }) => change) };
    return {
      kind: "done",
      result: { kind: "committed", revision },
      whenDurable: () => this.#feed.publish(batch),
    };
  }

  /** In steps of a hundredth, because forgetting one by one costs more; never many at once, because that takes long. */
  #forgetOldHistory(writer: Writer): void {
    const step = Math.ceil(this.#keepRevisions / 100) + 1;
    const superfluous = writer.newest - this.#keepRevisions - writer.compacted;
    if (superfluous >= step) writer.compact(writer.compacted + Math.min(superfluous, 2 * step));
  }

  #leaseHolds(writer: Writer, id: string): boolean {
    return writer.hasLease(id) && !this.#leases.hasEnded(id);
  }

  #startLease(writer: Writer, id: string, ttlMilliseconds: number): Outcome<void> {
    writer.putLease({ id, ttlMilliseconds, expires: this.#clock.now().getTime() + ttlMilliseconds });
    return { kind: "done", result: undefined, whenDurable: () => this.#leases.start(id, ttlMilliseconds) };
  }

  #endLease(writer: Writer, id: string): Outcome<void> {
    if (!writer.hasLease(id)) return { kind: "done", result: undefined };
    const revision = writer.newest + 1;
    const changes = writer.keysOfLease(id).map((key): Change => ({ kind: "delete", key, revision }));
    for (const change of changes) writer.apply(change);
    writer.deleteLease(id);
    return {
      kind: "done",
      result: undefined,
      whenDurable: () => {
        this.#leases.forget(id);
        if (changes.length > 0) this.#feed.publish({ revision, changes });
      },
    };
  }

  /** Ends leases whose time is over. None comes back to life meanwhile: {@link #leaseHolds} looks at the time, too. */
  async #endLeases(ids: readonly string[]): Promise<void> {
    const ended = ids.map((id) => this.#group.run((writer) => this.#endLease(writer, id)));
    const failure = (await Promise.allSettled(ended)).find((result) => result.status === "rejected");
    if (this.#group.closed) return;
    if (failure === undefined) return this.#leases.rearm();
    this.#logger.warn("expired leases not removed", { error: errorText(failure.reason) });
    this.#leases.rearm(SWEEP_RETRY_MILLISECONDS);
  }

  /** Leases that ended while nobody ran end before anybody reads. */
  #restoreLeases(): void {
    const records = this.#backend.leases();
    const now = this.#clock.now().getTime();
    const ended = records.filter(({ expires }) => expires <= now);
    if (ended.length > 0) {
      const outcomes = this.#backend.write((writer) => ended.map(({ id }) => this.#endLease(writer, id)));
      for (const outcome of outcomes) if (outcome.kind === "done") outcome.whenDurable?.();
    }
    for (const lease of records) if (lease.expires > now) this.#leases.restore(lease);
  }

  #checkOpen(): void {
    if (this.#group.closed) throw closedError();
  }
}

function checkTransaction({ conditions, operations }: Transaction): void {
  const keys = new Set<string>();
  for (const { key } of conditions) checkKey(key);
  for (const operation of operations) {
    checkKey(operation.key);
    if (operation.kind === "put" && !operation.value.isWellFormed()) {
      throw new HoldfastError("invalid_argument", `the value of ${operation.key} is not well-formed Unicode text`);
    }
    if (keys.has(operation.key)) {
      throw new HoldfastError("invalid_argument", `two operations on ${operation.key} in one commit`);
    }
    keys.add(operation.key);
  }
}

function checkCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new HoldfastError("invalid_argument", `${name} is a whole number from 0, not ${value}`, {
    details: { field: name },
  });
}

function noLease(id: string): Outcome<never> {
  return { kind: "refused", error: new HoldfastError("not_found", `lease ${id} has ended; grant a new one`) };
}
