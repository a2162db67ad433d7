import { describe, expect, test } from "vitest";
import type { ComplianceContext } from "./store-context.ts";
import { collect } from "./store-harness.ts";
import { commit, put, remove } from "./store-operations.ts";

/** When the keys of a lease go, and what keeps them. */
export function leases({ store, harness, ttl }: ComplianceContext): void {
  describe("a lease", () => {
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

    test("the keys that have it are known among hundreds that were put with them", async () => {
      const lease = await store().grantLease(ttl);
      const keys = Array.from({ length: 300 }, (_, index) => `l/${index}`);
      const leased = new Set(["l/7", "l/299"]);
      await commit(
        store(),
        ...keys.map((key) => (leased.has(key) ? { ...put(key, ""), lease: lease.id } : put(key, ""))),
      );
      await lease.revoke();
      const left = (await store().list("")).entries.map((entry) => entry.key);
      expect(new Set(left)).toEqual(new Set(keys.filter((key) => !leased.has(key))));
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
  });
}
