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

    test.each([
      { values: "short", odd: '{"identity":"redis-0"}' },
      { values: "escaped in JSON", odd: 'a\u0000b \\u0041 "\n\u{1f600}' },
      { values: "long", odd: "x".repeat(10_000) },
    ])("of hundreds of keys is done as one of few is: values that are $values", async ({ odd }) => {
      const keys = Array.from({ length: 400 }, (_, index) => `many/${index % 7}/\u{e4}${index}`);
      const value = (index: number, round: number) => (index % 3 === 0 ? odd : `${round} ${index}`);
      await commit(store(), ...keys.slice(0, 200).map((key, index) => put(key, value(index, 1))));
      const seen = (index: number) => ({ key: keys[index] ?? "", revision: index < 200 ? 1 : 0 });
      const operations = keys.map((key, index) => (index % 5 === 1 ? remove(key) : put(key, value(index, 2))));
      const conditions = keys.map((_, index) => seen(index));
      const wrong = [{ ...seen(3), revision: 9 }, seen(5), { ...seen(399), revision: 1 }];
      const refused = await store().commit({ conditions: [...wrong, ...conditions.slice(6, 399)], operations });
      expect(refused).toEqual({ kind: "conflict", conflicts: [wrong[0], wrong[2]] });
      expect(await store().commit({ conditions, operations })).toEqual({ kind: "committed", revision: 2 });
      const { entries } = await store().list("many/");
      const expected = keys.flatMap((key, index) =>
        index % 5 === 1 ? [] : [{ key, value: value(index, 2), revision: 2, created: index < 200 ? 1 : 2 }],
      );
      const byKey = (one: { key: string }, other: { key: string }) => (one.key < other.key ? -1 : 1);
      expect([...entries].sort(byKey)).toEqual(expected.sort(byKey));
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
