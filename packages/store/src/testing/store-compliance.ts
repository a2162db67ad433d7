import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Operation, Store } from "../store.ts";
import { type Collected, collect, type StoreHarness } from "./store-harness.ts";
import { storeProperties } from "./store-properties.ts";

export interface ComplianceOptions {
  /** A short lease that the store can grant, in milliseconds. Default 1000. */
  readonly leaseMilliseconds?: number;
}

/** What every {@link Store} does, sentence by sentence. `open` gives an empty one. */
export function storeCompliance(
  name: string,
  open: () => Promise<StoreHarness>,
  options: ComplianceOptions = {},
): void {
  describe(`${name} as a store`, () => {
    let harness: StoreHarness;
    let store: Store;
    beforeEach(async () => {
      harness = await open();
      store = harness.store;
    });
    afterEach(() => harness.dispose());

    const context: Context = { harness: () => harness, store: () => store, ttl: options.leaseMilliseconds ?? 1000 };
    describe("get and list", () => reads(context));
    describe("commit", () => commits(context));
    describe("watch", () => watches(context));
    describe("compact", () => compaction(context));
    describe("a lease", () => leases(context));
    describe("close", () => closing(context));
    describe("reopening", () => reopening(context));
  });
  storeProperties(name, open);
}

interface Context {
  harness(): StoreHarness;
  store(): Store;
  readonly ttl: number;
}

function reads({ store }: Context): void {
  test("an absent key has no entry", async () => {
    expect(await store().get("a")).toBeUndefined();
  });

  test("an entry has the newest value, the revision of the last change and that of the first put", async () => {
    await commit(store(), put("a", "1"));
    await commit(store(), put("b", "1"));
    await commit(store(), put("a", "2"));
    expect(await store().get("a")).toEqual({ key: "a", value: "2", revision: 3, created: 1 });
  });

  test("a key that was deleted and put again is created anew", async () => {
    await commit(store(), put("a", "1"));
    await commit(store(), remove("a"));
    await commit(store(), put("a", "2"));
    expect(await store().get("a")).toEqual({ key: "a", value: "2", revision: 3, created: 3 });
  });

  test("any text is a value, and comes back as it was", async () => {
    const values = ["", "\0", 'a"\0\n\u2028é', "😀".repeat(1000), "x".repeat(300_000)];
    await commit(store(), ...values.map((value, index) => put(`v/${index}`, value)));
    expect((await store().list("v/")).entries.map((entry) => entry.value)).toEqual(values);
  });

  test("a list has the entries under the prefix and no others, in the order of their UTF-8 bytes", async () => {
    const under = [
      "a/",
      "a/!",
      "a/A",
      "a/a",
      "a/a/",
      "a/a0",
      "a/é",
      "a/\ud7ff",
      "a/\ue000",
      "a/\uffff",
      "a/😀",
      "a/\u{10ffff}",
    ];
    const others = ["a", "a.", "a0", "A/", "b", "é", "😀"];
    await commit(store(), ...[...under, ...others].reverse().map((key) => put(key, "")));
    const { entries, more } = await store().list("a/");
    expect(entries.map((entry) => entry.key)).toEqual(under);
    expect(more).toBe(false);
    expect((await store().list("")).entries).toHaveLength(under.length + others.length);
  });

  test("a prefix is compared as it is, whatever characters it has", async () => {
    const prefixes = ["%", "_", "*", "[a]", "'", "\u{10ffff}", "\ud7ff", "a\u{10ffff}"];
    for (const prefix of prefixes) await commit(store(), put(`${prefix}k`, ""), put(`${prefix}`, ""));
    await commit(store(), put("other", ""));
    for (const prefix of prefixes) {
      expect((await store().list(prefix)).entries.map((entry) => entry.key)).toEqual([prefix, `${prefix}k`]);
    }
  });

  test("a page has at most `limit` entries, says whether more follow, and `after` goes on", async () => {
    await commit(store(), ...["a", "b", "c", "d"].map((key) => put(`k/${key}`, key)));
    const first = await store().list("k/", { limit: 2 });
    expect([first.entries.map((entry) => entry.key), first.more]).toEqual([["k/a", "k/b"], true]);
    const second = await store().list("k/", { limit: 2, after: "k/b" });
    expect([second.entries.map((entry) => entry.key), second.more]).toEqual([["k/c", "k/d"], false]);
    const none = await store().list("k/", { after: "k/d" });
    expect([none.entries, none.more]).toEqual([[], false]);
  });

  test("limit 0 is everything, and `after` may be a key that is absent or outside the prefix", async () => {
    await commit(store(), put("k/a", ""), put("k/c", ""));
    const keys = async (options: { limit?: number; after?: string }): Promise<string[]> =>
      (await store().list("k/", options)).entries.map((entry) => entry.key);
    expect(await keys({ limit: 0 })).toEqual(["k/a", "k/c"]);
    expect(await keys({ after: "k/b" })).toEqual(["k/c"]);
    expect(await keys({ after: "a" })).toEqual(["k/a", "k/c"]);
    expect(await keys({ after: "z" })).toEqual([]);
  });

  test("a page carries the revision at which it was read, also when it is empty", async () => {
    expect((await store().list("k/")).revision).toBe(0);
    await commit(store(), put("a", ""));
    expect((await store().list("k/")).revision).toBe(1);
  });

  test("a limit that is no count is refused", async () => {
    await expect(store().list("", { limit: -1 })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(store().list("", { limit: 1.5 })).rejects.toMatchObject({ code: "invalid_argument" });
  });
}

function commits({ store }: Context): void {
  test("an empty store is at revision 0, and every commit that changes something takes the next", async () => {
    expect(await store().revision()).toBe(0);
    expect(await commit(store(), put("a", "1"), put("b", "1"))).toEqual({ kind: "committed", revision: 1 });
    expect(await commit(store(), put("a", "2"), remove("b"))).toEqual({ kind: "committed", revision: 2 });
    expect(await store().revision()).toBe(2);
    expect(await store().get("a")).toMatchObject({ revision: 2, created: 1 });
    expect(await store().get("b")).toBeUndefined();
  });

  test("putting the value that is there is a change", async () => {
    await commit(store(), put("a", "1"));
    expect(await commit(store(), put("a", "1"))).toEqual({ kind: "committed", revision: 2 });
  });

  test("a commit that changes nothing takes no revision and answers the current one", async () => {
    await commit(store(), put("a", "1"));
    expect(await commit(store())).toEqual({ kind: "committed", revision: 1 });
    expect(await commit(store(), remove("absent"))).toEqual({ kind: "committed", revision: 1 });
    expect(await store().revision()).toBe(1);
  });

  test("a condition holds at exactly the key's newest revision; 0 is an absent key", async () => {
    await commit(store(), put("a", "1"));
    const attempt = (key: string, revision: number) =>
      store().commit({ conditions: [{ key, revision }], operations: [put("seen", "")] });
    expect(await attempt("a", 1)).toMatchObject({ kind: "committed" });
    expect(await attempt("b", 0)).toMatchObject({ kind: "committed" });
    expect(await attempt("a", 0)).toEqual({ kind: "conflict", conflicts: [{ key: "a", revision: 0 }] });
    expect(await attempt("a", 2)).toEqual({ kind: "conflict", conflicts: [{ key: "a", revision: 2 }] });
    expect(await attempt("b", 1)).toEqual({ kind: "conflict", conflicts: [{ key: "b", revision: 1 }] });
    await commit(store(), remove("a"));
    expect(await attempt("a", 1)).toMatchObject({ kind: "conflict" });
    expect(await attempt("a", 0)).toMatchObject({ kind: "committed" });
  });

  test("when one condition does not hold nothing is done, and exactly those that failed are named", async () => {
    await commit(store(), put("a", "1"), put("b", "1"));
    const conditions = [
      { key: "a", revision: 1 },
      { key: "b", revision: 7 },
      { key: "c", revision: 9 },
    ];
    const result = await store().commit({ conditions, operations: [put("a", "2"), remove("b"), put("d", "")] });
    expect(result).toEqual({ kind: "conflict", conflicts: conditions.slice(1) });
    expect(await store().revision()).toBe(1);
    expect((await store().list("")).entries.map((entry) => entry.value)).toEqual(["1", "1"]);
  });

  test("of commits at the same time each has its own revision and its own conditions", async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        store().commit({
          conditions: [{ key: `slot/${index % 10}`, revision: 0 }],
          operations: [put(`slot/${index % 10}`, `${index}`)],
        }),
      ),
    );
    const committed = results.filter((result) => result.kind === "committed");
    expect(new Set(committed.map((result) => result.revision))).toEqual(
      new Set(Array.from({ length: 10 }, (_, i) => i + 1)),
    );
    expect(results.filter((result) => result.kind === "conflict")).toHaveLength(40);
  });

  test("a commit that is refused does not disturb those beside it", async () => {
    const [before, refused, after] = await Promise.allSettled([
      commit(store(), put("a", "")),
      commit(store(), put("x", ""), { ...put("b", ""), lease: "00000000-0000-0000-0000-000000000000" }),
      commit(store(), put("c", "")),
    ]);
    expect([before.status, refused.status, after.status]).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect((await store().list("")).entries.map((entry) => entry.key)).toEqual(["a", "c"]);
    expect(await store().revision()).toBe(2);
  });

  test("two operations on one key are refused, and nothing is done", async () => {
    await expect(commit(store(), put("a", "1"), put("b", ""), remove("a"))).rejects.toMatchObject({
      code: "invalid_argument",
    });
    expect(await store().revision()).toBe(0);
  });

  test.each(["", "a\0b", "\ud800", "a\udc00b"])("%j is no key", async (key) => {
    await expect(commit(store(), put(key, ""))).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(commit(store(), remove(key))).rejects.toMatchObject({ code: "invalid_argument" });
    const conditions = [{ key, revision: 0 }];
    await expect(store().commit({ conditions, operations: [] })).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("a value that is not well-formed is refused", async () => {
    await expect(commit(store(), put("a", "\udfff"))).rejects.toMatchObject({ code: "invalid_argument" });
  });
}

function watches({ store }: Context): void {
  test("gives every change above a revision, one batch per revision, in order, then goes on", async () => {
    await commit(store(), put("w/a", "1"));
    await commit(store(), put("w/a", "2"), put("w/b", "2"));
    await commit(store(), remove("w/a"));
    const watch = collect(store(), "w/", 1);
    await watch.until(2);
    await commit(store(), put("w/c", "4"));
    await watch.until(3);
    expect(await watch.stop()).toEqual([
      {
        revision: 2,
        changes: [
          { kind: "put", entry: { key: "w/a", value: "2", revision: 2, created: 1 } },
          { kind: "put", entry: { key: "w/b", value: "2", revision: 2, created: 2 } },
        ],
      },
      { revision: 3, changes: [{ kind: "delete", key: "w/a", revision: 3 }] },
      { revision: 4, changes: [{ kind: "put", entry: { key: "w/c", value: "4", revision: 4, created: 4 } }] },
    ]);
  });

  test("gives only what is under the prefix, and no empty batches", async () => {
    const watch = collect(store(), "w/", 0);
    await commit(store(), put("v", ""), put("w/a", ""), put("x", ""));
    await commit(store(), put("x", ""));
    await commit(store(), put("w/b", ""));
    await watch.until(2);
    const batches = await watch.stop();
    expect(batches.map((batch) => [batch.revision, batch.changes.length])).toEqual([
      [1, 1],
      [3, 1],
    ]);
  });

  test("gives no empty batches either where it reads on from the past", async () => {
    for (const key of ["v", "w/a", "x", "w/b", "y"]) await commit(store(), put(key, ""));
    const watch = collect(store(), "w/", 0);
    await watch.until(2);
    expect((await watch.stop()).map((batch) => [batch.revision, batch.changes.length])).toEqual([
      [2, 1],
      [4, 1],
    ]);
  });

  test("gives nothing more once the signal is aborted, though more has happened", async () => {
    for (const key of ["a", "b", "c"]) await commit(store(), put(key, ""));
    const abort = new AbortController();
    const revisions: number[] = [];
    for await (const batch of store().watch("", { after: 0, signal: abort.signal })) {
      revisions.push(batch.revision);
      abort.abort();
    }
    expect(revisions).toEqual([1]);
  });

  test("a change is readable by the time the watcher hears of it", async () => {
    const abort = new AbortController();
    const watching = (async () => {
      for await (const batch of store().watch("w/", { after: 0, signal: abort.signal })) {
        expect((await store().get("w/a"))?.revision).toBeGreaterThanOrEqual(batch.revision);
        if (batch.revision === 20) abort.abort();
      }
    })();
    for (let index = 0; index < 20; index++) await commit(store(), put("w/a", `${index}`));
    await watching;
  });

  test("misses and repeats nothing while many commit, quick or slow", { timeout: 60_000 }, async () => {
    const total = 3000;
    const quick = collect(store(), "w/", 0);
    const slow = collect(store(), "w/", 0, { pauseEvery: 100 });
    const late: Collected[] = [];
    for (let done = 0; done < total; done += 100) {
      late.push(collect(store(), "w/", done));
      await Promise.all(Array.from({ length: 100 }, (_, index) => commit(store(), put(`w/${index}`, `${done}`))));
    }
    for (const [index, watch] of [quick, slow, ...late].entries()) {
      const after = index < 2 ? 0 : (index - 2) * 100;
      await watch.until(total - after);
      const revisions = (await watch.stop()).map((batch) => batch.revision);
      expect(revisions).toEqual(Array.from({ length: total - after }, (_, at) => after + at + 1));
    }
  });

  test("ends without an error when the signal is aborted, before or while it waits", async () => {
    const aborted = AbortSignal.abort();
    for await (const _ of store().watch("", { after: 0, signal: aborted })) expect.unreachable();
    const watch = collect(store(), "", 0);
    await watch.stop();
  });

  test("a revision that the store has never reached is gone", async () => {
    await commit(store(), put("a", ""));
    await expect(collect(store(), "", 2).ended).rejects.toMatchObject({ code: "revision_gone" });
  });
}

function compaction({ store }: Context): void {
  test("newest values stay, and watchers from the compacted revision on miss nothing", async () => {
    for (const value of ["1", "2", "3"]) await commit(store(), put("a", value));
    await store().compact(2);
    expect(await store().get("a")).toEqual({ key: "a", value: "3", revision: 3, created: 1 });
    const watch = collect(store(), "", 2);
    await watch.until(1);
    expect((await watch.stop()).map((batch) => batch.revision)).toEqual([3]);
  });

  test("a watch from before is told that its revision is gone", async () => {
    for (const value of ["1", "2", "3"]) await commit(store(), put("a", value));
    await store().compact(2);
    await expect(collect(store(), "", 1).ended).rejects.toMatchObject({ code: "revision_gone" });
    await expect(collect(store(), "nothing-here", 1).ended).rejects.toMatchObject({ code: "revision_gone" });
  });

  test("a watch that waits is not disturbed, even when nothing under its prefix has changed", async () => {
    const watch = collect(store(), "w/", 0);
    await commit(store(), put("a", "1"));
    await commit(store(), put("a", "2"));
    await store().compact(2);
    await commit(store(), put("w/a", ""));
    await watch.until(1);
    expect((await watch.stop()).map((batch) => batch.revision)).toEqual([3]);
  });

  test("compacting everything leaves the revision as it is", async () => {
    await commit(store(), put("a", "1"));
    await commit(store(), remove("a"));
    await store().compact(2);
    expect(await store().revision()).toBe(2);
    expect(await commit(store(), put("a", "1"))).toEqual({ kind: "committed", revision: 3 });
  });

  test("compacting again, or less, changes nothing", async () => {
    for (const value of ["1", "2", "3"]) await commit(store(), put("a", value));
    await store().compact(2);
    await store().compact(2);
    await store().compact(1);
    await expect(collect(store(), "", 1).ended).rejects.toMatchObject({ code: "revision_gone" });
  });

  test("a revision that was not reached is refused", async () => {
    await expect(store().compact(1)).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(store().compact(-1)).rejects.toMatchObject({ code: "invalid_argument" });
  });
}

function leases({ store, harness, ttl }: Context): void {
  test("its keys vanish in one commit when it ends, and watchers see it", async () => {
    const lease = await store().grantLease(ttl);
    await commit(
      store(),
      { ...put("l/a", ""), lease: lease.id },
      { ...put("l/b", ""), lease: lease.id },
      put("l/c", ""),
    );
    const watch = collect(store(), "l/", 1);
    await harness().elapse(ttl + 1);
    await watch.until(1);
    expect(await watch.stop()).toEqual([
      {
        revision: 2,
        changes: [
          { kind: "delete", key: "l/a", revision: 2 },
          { kind: "delete", key: "l/b", revision: 2 },
        ],
      },
    ]);
    expect((await store().list("")).entries.map((entry) => entry.key)).toEqual(["l/c"]);
  });

  test("keeping it alive starts its time again", async () => {
    const lease = await store().grantLease(ttl);
    await commit(store(), { ...put("l/a", ""), lease: lease.id });
    for (let time = 0; time < 3; time++) {
      await harness().elapse(ttl * 0.6);
      await lease.keepAlive();
    }
    expect(await store().get("l/a")).toBeDefined();
    await harness().elapse(ttl + 1);
    await expect.poll(() => store().get("l/a")).toBeUndefined();
  });

  test("one that has ended cannot be kept alive or used; ending it again is no error", async () => {
    const lease = await store().grantLease(ttl);
    await lease.revoke();
    await expect(lease.keepAlive()).rejects.toMatchObject({ code: "not_found" });
    await expect(commit(store(), { ...put("a", ""), lease: lease.id })).rejects.toMatchObject({ code: "not_found" });
    await lease.revoke();
    expect(await store().revision()).toBe(0);
  });

  test("one whose time is over cannot be kept alive or used", async () => {
    const lease = await store().grantLease(ttl);
    await harness().elapse(ttl + 1);
    await expect.poll(() => lease.keepAlive().catch((error: unknown) => error)).toMatchObject({ code: "not_found" });
    await expect(commit(store(), { ...put("a", ""), lease: lease.id })).rejects.toMatchObject({ code: "not_found" });
  });

  test("revoking it deletes its keys in one commit", async () => {
    const lease = await store().grantLease(ttl);
    await commit(store(), { ...put("a", ""), lease: lease.id }, { ...put("b", ""), lease: lease.id });
    await lease.revoke();
    expect((await store().list("")).entries).toEqual([]);
    expect(await store().revision()).toBe(2);
  });

  test("a key belongs to the lease of its newest put, or to none", async () => {
    const [first, second] = [await store().grantLease(ttl), await store().grantLease(ttl)];
    const keys = ["freed", "moved", "again"];
    await commit(store(), ...keys.map((key) => ({ ...put(key, ""), lease: first.id })));
    await commit(store(), put("freed", ""), { ...put("moved", ""), lease: second.id }, remove("again"));
    await commit(store(), put("again", ""));
    await first.revoke();
    expect((await store().list("")).entries.map((entry) => entry.key)).toEqual(["again", "freed", "moved"]);
    await second.revoke();
    expect((await store().list("")).entries.map((entry) => entry.key)).toEqual(["again", "freed"]);
  });

  test("one ends without disturbing another", async () => {
    const [short, long] = [await store().grantLease(ttl), await store().grantLease(ttl * 3)];
    await commit(store(), { ...put("short", ""), lease: short.id }, { ...put("long", ""), lease: long.id });
    await harness().elapse(ttl + 1);
    await expect.poll(() => store().get("short")).toBeUndefined();
    expect(await store().get("long")).toBeDefined();
    await harness().elapse(ttl * 2);
    await expect.poll(() => store().get("long")).toBeUndefined();
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("%j is no time to live", async (time) => {
    await expect(store().grantLease(time)).rejects.toMatchObject({ code: "invalid_argument" });
  });
}

function closing({ store }: Context): void {
  test("what was begun is finished", async () => {
    const [result] = await Promise.all([commit(store(), put("a", "")), store().close()]);
    expect(result).toEqual({ kind: "committed", revision: 1 });
  });

  test("watches end with an error, and every call afterwards too; closing again does nothing", async () => {
    const watch = collect(store(), "", 0);
    const lease = await store().grantLease(60_000);
    const ended = expect(watch.ended).rejects.toMatchObject({ code: "unavailable" });
    await store().close();
    await ended;
    await store().close();
    const calls = [
      () => store().get("a"),
      () => store().list(""),
      () => store().revision(),
      () => commit(store(), put("a", "")),
      () => store().compact(0),
      () => store().grantLease(1000),
      () => lease.keepAlive(),
      () => collect(store(), "", 0).ended,
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "unavailable" });
  });
}

function reopening({ store, harness, ttl }: Context): void {
  test("everything is as it was", async ({ skip }) => {
    await commit(store(), put("a", "1"), put("b", "1"));
    await commit(store(), put("a", "2"));
    await commit(store(), remove("b"));
    await store().compact(1);
    const again = (await harness().reopen?.()) ?? skip();
    expect(await again.revision()).toBe(3);
    expect((await again.list("")).entries).toEqual([{ key: "a", value: "2", revision: 2, created: 1 }]);
    await expect(collect(again, "", 0).ended).rejects.toMatchObject({ code: "revision_gone" });
    const watch = collect(again, "", 1);
    await watch.until(2);
    expect((await watch.stop()).map((batch) => batch.revision)).toEqual([2, 3]);
    expect(await commit(again, put("c", ""))).toEqual({ kind: "committed", revision: 4 });
  });

  test("revisions go on where they were, also when the whole history was compacted", async ({ skip }) => {
    for (const value of ["1", "2", "3"]) await commit(store(), put("a", value));
    await commit(store(), remove("a"));
    await store().compact(4);
    const again = (await harness().reopen?.()) ?? skip();
    expect(await again.revision()).toBe(4);
    expect(await commit(again, put("a", ""))).toEqual({ kind: "committed", revision: 5 });
  });

  test("what is left of a lease's time runs on", async ({ skip }) => {
    const lease = await store().grantLease(ttl * 2);
    await commit(store(), { ...put("a", ""), lease: lease.id });
    await harness().elapse(ttl);
    const again = (await harness().reopen?.()) ?? skip();
    expect(await again.get("a")).toBeDefined();
    await harness().elapse(ttl + 1);
    await expect.poll(() => again.get("a")).toBeUndefined();
  });

  test("a lease that ended while nobody ran has ended before anybody reads", async ({ skip }) => {
    const lease = await store().grantLease(ttl);
    await commit(store(), { ...put("a", ""), lease: lease.id });
    await store().close();
    await harness().elapse(ttl + 1);
    const again = (await harness().reopen?.()) ?? skip();
    expect(await again.get("a")).toBeUndefined();
    expect(await again.revision()).toBe(2);
  });
}

function put(key: string, value: string): Operation & { kind: "put" } {
  return { kind: "put", key, value };
}

function remove(key: string): Operation {
  return { kind: "delete", key };
}

function commit(store: Store, ...operations: Operation[]) {
  return store.commit({ conditions: [], operations });
}
