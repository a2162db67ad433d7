import { describe, expect, test } from "vitest";
import type { ComplianceContext } from "./store-context.ts";
import { collect } from "./store-harness.ts";
import { commit, put, remove } from "./store-operations.ts";

/** What closing finishes and refuses, and what a store that lasts still knows when it is opened again. */
export function lifetime({ store, harness, ttl }: ComplianceContext): void {
  describe("close", () => {
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
  });

  describe("reopening", () => {
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
  });
}
