import { HoldfastError } from "@holdfast/core";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import { describe, expect, test } from "vitest";
import type { Writer } from "./backend.ts";
import { MemoryBackend } from "./memory-backend.ts";
import { localRecords } from "./records.ts";
import { RevisionedStore } from "./revisioned-store.ts";
import type { Store } from "./store.ts";

/** Counts disk flushes, and fails them when told. */
class ObservedBackend extends MemoryBackend {
  writes = 0;
  historyReads = 0;
  failing = false;

  override write<T>(work: (writer: Writer) => T): T {
    this.writes++;
    if (this.failing) throw new HoldfastError("unavailable", "no space left");
    return super.write(work);
  }

  override history(after: number, changes: number) {
    this.historyReads++;
    return super.history(after, changes);
  }
}

function setup({ keepRevisions = 100_000 } = {}) {
  const backend = new ObservedBackend();
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const records = localRecords(backend, { keepRevisions });
  return { backend, clock, logger, store: new RevisionedStore({ records, clock, logger }) };
}

const put = (store: Store, key: string, lease?: string) =>
  store.commit({
    conditions: [],
    operations: [{ kind: "put", key, value: "", ...(lease === undefined ? {} : { lease }) }],
  });

describe("group commit", () => {
  test("commits of one turn share one write", async () => {
    const { store, backend } = setup();
    await Promise.all(Array.from({ length: 100 }, (_, index) => put(store, `k/${index}`)));
    expect(backend.writes).toBe(1);
    await put(store, "k/0");
    expect(backend.writes).toBe(2);
  });

  test("when writing fails every caller is told, and nothing has happened", async () => {
    const { store, backend } = setup();
    backend.failing = true;
    const results = await Promise.allSettled([put(store, "a"), put(store, "b")]);
    expect(results).toMatchObject([{ reason: { code: "unavailable" } }, { reason: { code: "unavailable" } }]);
    backend.failing = false;
    expect(await put(store, "c")).toEqual({ kind: "committed", revision: 1 });
  });
});

describe("automatic compaction", () => {
  test("keeps the newest revisions and at most a hundredth more", async () => {
    const { store, backend } = setup({ keepRevisions: 200 });
    for (let index = 0; index < 1000; index++) {
      await put(store, "k");
      const kept = backend.newest - backend.compacted;
      expect(kept).toBeLessThanOrEqual(203);
      if (index >= 200) expect(kept).toBeGreaterThanOrEqual(200);
    }
  });

  test("catches up in small steps when the limit was higher before", async () => {
    const { backend, clock, logger, store } = setup();
    for (let index = 0; index < 500; index++) await put(store, "k");
    const again = new RevisionedStore({ records: localRecords(backend, { keepRevisions: 100 }), clock, logger });
    await put(again, "k");
    expect(backend.compacted).toBe(4);
    for (let index = 0; index < 300; index++) await put(again, "k");
    expect(backend.newest - backend.compacted).toBeLessThanOrEqual(102);
  });
});

describe("a slow watcher", () => {
  test("reads on from the history when memory no longer has what it missed, and misses nothing", async () => {
    const { store, backend } = setup();
    const abort = new AbortController();
    const watch = store.watch("", { after: 0, signal: abort.signal });
    const total = 40_000;
    await put(store, "k");
    expect((await watch.next()).value?.revision).toBe(1);
    expect(backend.historyReads).toBe(0);
    for (let done = 1; done < total; done += 1000)
      await Promise.all(Array.from({ length: 1000 }, () => put(store, "k")));
    for (let expected = 2; expected <= total; expected++) {
      const next = await watch.next();
      if (next.value?.revision !== expected) expect(next.value?.revision).toBe(expected);
    }
    expect(backend.historyReads).toBeGreaterThan(0);
    abort.abort();
  });

  test("that falls behind the compacted revision is told so", async () => {
    const { store } = setup({ keepRevisions: 10 });
    const watch = store.watch("", { after: 0, signal: new AbortController().signal });
    await put(store, "k");
    await watch.next();
    for (let index = 0; index < 100; index++) await put(store, "k");
    await expect(watch.next()).rejects.toMatchObject({ code: "revision_gone" });
  });
});

describe("leases", () => {
  test("without any, no timer runs", async () => {
    const { store, clock } = setup();
    let waits = 0;
    const wait = clock.wait.bind(clock);
    clock.wait = (...parameters) => {
      waits++;
      return wait(...parameters);
    };
    await put(store, "k");
    expect(waits).toBe(0);
    const lease = await store.grantLease(1000);
    expect(waits).toBe(1);
    await lease.revoke();
    clock.advance(1000);
    await new Promise(setImmediate);
    await put(store, "k");
    clock.advance(100_000);
    await new Promise(setImmediate);
    expect(waits).toBe(1);
  });

  test("when ending one fails it is tried again a second later, and a person can read why", async () => {
    const { store, backend, clock, logger } = setup();
    const lease = await store.grantLease(1000);
    await put(store, "k", lease.id);
    backend.failing = true;
    clock.advance(1000);
    await expect
      .poll(() => logger.events)
      .toMatchObject([{ level: "warn", message: "expired leases not removed", fields: { error: "no space left" } }]);
    backend.failing = false;
    clock.advance(999);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(await store.get("k")).toBeDefined();
    clock.advance(1);
    await expect.poll(() => store.get("k")).toBeUndefined();
  });

  test("one that was kept alive ends after its new time, though the timer was set for the old one", async () => {
    const { store, clock } = setup();
    const lease = await store.grantLease(1000);
    await put(store, "k", lease.id);
    clock.advance(600);
    await lease.keepAlive();
    clock.advance(400);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(await store.get("k")).toBeDefined();
    clock.advance(600);
    await expect.poll(() => store.get("k")).toBeUndefined();
  });

  test("one whose time is over is of no use, also before the timer has noticed", async () => {
    const { store, clock } = setup();
    clock.wait = () => new Promise(() => {});
    const lease = await store.grantLease(1000);
    clock.advance(999);
    await lease.keepAlive();
    clock.advance(1000);
    await expect(lease.keepAlive()).rejects.toMatchObject({ code: "not_found" });
    await expect(put(store, "k", lease.id)).rejects.toMatchObject({ code: "not_found" });
  });

  test("one that was revoked is of no use to what was asked for in the same turn, and leaves no record", async () => {
    const { store, backend } = setup();
    const lease = await store.grantLease(1000);
    const results = await Promise.allSettled([
      lease.revoke(),
      lease.keepAlive(),
      put(store, "k", lease.id),
      lease.revoke(),
    ]);
    expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
    expect([backend.leases(), await store.get("k")]).toEqual([[], undefined]);
  });

  test("one for a hundred years sets no timer that overflows", async () => {
    const { store, clock } = setup();
    const waits: number[] = [];
    clock.wait = (milliseconds) => {
      waits.push(milliseconds);
      return new Promise(() => {});
    };
    await store.grantLease(100 * 365 * 86_400_000);
    expect(waits).toEqual([2 ** 30]);
  });

  test("a wall clock that jumps ends none", async () => {
    const { store, clock } = setup();
    const lease = await store.grantLease(1000);
    await put(store, "k", lease.id);
    clock.now = () => new Date("2050-01-01T00:00:00Z");
    await lease.keepAlive();
    clock.advance(999);
    await new Promise(setImmediate);
    expect(await store.get("k")).toBeDefined();
  });
});
