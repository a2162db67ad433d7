import { describe, expect, test } from "vitest";
import type { ComplianceContext } from "./store-context.ts";
import { collect } from "./store-harness.ts";
import { commit, put, remove } from "./store-operations.ts";

/** What compacting takes away, and what it leaves. */
export function compaction({ store }: ComplianceContext): void {
  describe("compact", () => {
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
  });
}
