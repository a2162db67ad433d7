import { describe, expect, test } from "vitest";
import type { ComplianceContext } from "./store-context.ts";
import { commit, put, remove } from "./store-operations.ts";

/** How a store reads one key, and lists the keys under a prefix. */
export function reads({ store }: ComplianceContext): void {
  describe("get and list", () => {
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
  });
}
