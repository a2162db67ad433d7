import { randomUUID } from "node:crypto";
import { type Clock, errorText, HoldfastError, type Logger } from "@holdfast/core";
import { ChangeFeed } from "./change-feed.ts";
import { closedError, GroupCommit } from "./group-commit.ts";
import { checkCount, checkKey } from "./keys.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { changesOf } from "./performing.ts";
import type { Records } from "./records.ts";
import type { Change, ChangeBatch, CommitResult, Entry, Lease, Operation, Page, Store, Transaction } from "./store.ts";
import type { Done } from "./work.ts";

/** How long to wait before expired leases are removed again after that failed. */
const SWEEP_RETRY_MILLISECONDS = 1000;

/** The {@link Store} over records that one process owns: groups, leases and feeds; who keeps the {@link Records} decides and writes. */
export class RevisionedStore implements Store {
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #group: GroupCommit;
  readonly #feed: ChangeFeed;
  readonly #leases: LeaseKeeper;

  constructor(dependencies: { readonly records: Records; readonly clock: Clock; readonly logger: Logger }) {
    const { records, clock, logger } = dependencies;
    this.#records = records;
    this.#clock = clock;
    this.#logger = logger;
    this.#feed = new ChangeFeed(records);
    this.#group = new GroupCommit(records, (revision) => this.#feed.forgotten(revision));
    this.#leases = new LeaseKeeper(clock, (ids) => void this.#endLeases(ids));
    records.lost.addEventListener("abort", () => this.#feed.end(records.lost.reason as HoldfastError));
  }

  /** Ends the leases that ended while nobody ran. To be awaited before anybody reads. */
  async prepare(): Promise<void> {
    const now = this.#clock.now().getTime();
    const { leases } = this.#records.opened;
    const ended = leases.filter(({ expires }) => expires <= now).map(({ id }) => this.#endLease(id));
    for (const lease of leases) if (lease.expires > now) this.#leases.restore(lease);
    this.#group.flush();
    await Promise.all(ended);
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#checkOpen();
    return this.#records.get(key);
  }

  async list(prefix: string, options: { readonly limit?: number; readonly after?: string } = {}): Promise<Page> {
    const { limit = 0, after } = options;
    this.#checkOpen();
    checkCount("limit", limit);
    const range = { prefix, after, limit: limit === 0 ? undefined : limit + 1 };
    const { entries, revision } = await this.#records.list(range);
    const more = limit !== 0 && entries.length > limit;
    return { entries: more ? entries.slice(0, limit) : entries, revision, more };
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    checkTransaction(transaction);
    this.#checkOpen();
    const { conditions, operations } = transaction;
    this.#checkLeases(operations);
    const work = { kind: "commit", conditions, operations } as const;
    return this.#group.run(work, (done) => this.#committed(transaction, done));
  }

  watch(
    prefix: string,
    options: { readonly after: number; readonly signal: AbortSignal },
  ): AsyncGenerator<ChangeBatch, void> {
    return this.#feed.watch(prefix, options.after, options.signal);
  }

  async revision(): Promise<number> {
    this.#checkOpen();
    return this.#feed.newest;
  }

  async compact(revision: number): Promise<void> {
    checkCount("revision", revision);
    return this.#group.run({ kind: "compact", revision }, (done) => {
      if (done.kind !== "done") throw refusal(done);
    });
  }

  async grantLease(ttlMilliseconds: number): Promise<Lease> {
    if (!Number.isFinite(ttlMilliseconds) || ttlMilliseconds < 1) {
      throw new HoldfastError("invalid_argument", `a lease lasts at least 1 ms, not ${ttlMilliseconds}`);
    }
    const id = randomUUID();
    const ttl = Math.ceil(ttlMilliseconds);
    await this.#startLease(id, ttl, false);
    return { id, keepAlive: () => this.#keepAlive(id, ttl), revoke: () => this.#endLease(id) };
  }

  async close(): Promise<void> {
    if (this.#group.closed) return;
    this.#group.close();
    this.#leases.close();
    this.#feed.end(closedError());
    await this.#records.close();
  }

  #committed({ conditions, operations }: Transaction, done: Done): CommitResult {
    if (done.kind === "conflict") {
      return { kind: "conflict", conflicts: conditions.filter((_, index) => done.conflicts.includes(index)) };
    }
    if (done.kind !== "committed") throw refusal(done);
    const { revision } = done;
    const changes = changesOf(operations, done);
    if (changes.length > 0) this.#feed.publish({ revision, changes });
    return { kind: "committed", revision };
  }

  #checkLeases(operations: readonly Operation[]): void {
    for (const operation of operations) {
      if (operation.kind !== "put" || operation.lease === undefined) continue;
      if (this.#leases.hasEnded(operation.lease)) throw noLease(operation.lease);
    }
  }

  async #keepAlive(id: string, ttlMilliseconds: number): Promise<void> {
    this.#checkOpen();
    if (this.#leases.hasEnded(id)) throw noLease(id);
    // At once, so that its end does not come between: what is written first is this.
    this.#leases.start(id, ttlMilliseconds);
    await this.#startLease(id, ttlMilliseconds, true);
  }

  #startLease(id: string, ttlMilliseconds: number, again: boolean): Promise<void> {
    const lease = { id, ttlMilliseconds, expires: this.#clock.now().getTime() + ttlMilliseconds };
    return this.#group.run({ kind: "start-lease", lease, again }, (done) => {
      if (done.kind === "done") {
        if (!again) this.#leases.start(id, ttlMilliseconds);
        return;
      }
      this.#leases.forget(id);
      throw refusal(done);
    });
  }

  #endLease(id: string): Promise<void> {
    return this.#group.run({ kind: "end-lease", id }, (done) => {
      if (done.kind !== "lease-ended") throw refusal(done);
      const { revision, keys } = done;
      this.#leases.forget(id);
      if (keys.length === 0) return;
      this.#feed.publish({ revision, changes: keys.map((key): Change => ({ kind: "delete", key, revision })) });
    });
  }

  /** Ends leases whose time is over. None comes back to life meanwhile: {@link #keepAlive} looks at the time, too. */
  async #endLeases(ids: readonly string[]): Promise<void> {
    const ended = ids.map((id) => this.#endLease(id));
    const failure = (await Promise.allSettled(ended)).find((result) => result.status === "rejected");
    if (this.#group.closed) return;
    if (failure === undefined) return this.#leases.rearm();
    this.#logger.warn("expired leases not removed", { error: errorText(failure.reason) });
    this.#leases.rearm(SWEEP_RETRY_MILLISECONDS);
  }

  #checkOpen(): void {
    if (this.#group.closed) throw closedError();
    this.#records.lost.throwIfAborted();
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

function refusal(done: Done): Error {
  switch (done.kind) {
    case "no-lease":
      return noLease(done.id);
    case "not-reached":
      return new HoldfastError("invalid_argument", `cannot compact: the store is only at revision ${done.newest}`);
    default:
      return new TypeError(`bug: nobody asked for ${done.kind}`);
  }
}

function noLease(id: string): HoldfastError {
  return new HoldfastError("not_found", `lease ${id} has ended; grant a new one`);
}
