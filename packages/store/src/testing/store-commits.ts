import { describe, expect, test } from "vitest";
import type { ComplianceContext } from "./store-context.ts";
import { commit, put, remove } from "./store-operations.ts";

/** How a store commits: revisions, conditions, and what it refuses. */
export function commits({ store }: ComplianceContext): void {
  describe("commit", () => {
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
  });
}
