import { HoldfastError, systemClock } from "@holdfast/core";
import { beforeEach, describe, expect, test } from "vitest";
import { openMemoryStore } from "./open.ts";
import type { Store } from "./store.ts";
import { transact } from "./transact.ts";

let store: Store;
beforeEach(() => {
  store = openMemoryStore({ clock: systemClock });
});

const put = (key: string, value: string) => store.commit({ conditions: [], operations: [{ kind: "put", key, value }] });
const value = async (key: string) => (await store.get(key))?.value;

describe("transact", () => {
  test("gives the result of the work and the revision it is in", async () => {
    await put("a", "1");
    const { result, revision } = await transact(store, async (attempt) => {
      const entry = await attempt.get("a");
      attempt.put("b", `${entry?.value}!`);
      attempt.delete("a");
      return "done";
    });
    expect([result, revision]).toEqual(["done", 2]);
    expect([await value("a"), await value("b")]).toEqual([undefined, "1!"]);
  });

  test("a hundred that count at the same time count to a hundred", async () => {
    const add = () =>
      transact(
        store,
        async (attempt) => attempt.put("count", `${Number((await attempt.get("count"))?.value ?? 0) + 1}`),
        { tries: 1000 },
      );
    await Promise.all(Array.from({ length: 100 }, add));
    expect(await value("count")).toBe("100");
  });

  test("runs the work again when a key it read has changed, appeared or vanished", async () => {
    await put("changes", "1");
    await put("vanishes", "1");
    for (const [key, disturb] of [
      ["changes", () => put("changes", "2")],
      ["appears", () => put("appears", "2")],
      ["vanishes", () => store.commit({ conditions: [], operations: [{ kind: "delete", key: "vanishes" }] })],
    ] as const) {
      const seen: (string | undefined)[] = [];
      await transact(store, async (attempt) => {
        seen.push((await attempt.get(key))?.value);
        if (attempt.number === 0) await disturb();
        attempt.put("out", "");
      });
      expect(seen).toHaveLength(2);
    }
  });

  test("what was only listed has to be unchanged, too", async () => {
    await put("k/a", "1");
    await put("k/b", "1");
    const { result } = await transact(store, async (attempt) => {
      const entries = await attempt.list("k/");
      if (attempt.number === 0) await put("k/b", "2");
      attempt.put("sum", entries.map((entry) => entry.value).join("+"));
      return attempt.number;
    });
    expect(result).toBe(1);
    expect(await value("sum")).toBe("1+2");
  });

  test("a key that the caller expects from its own cache has to be at that revision", async () => {
    await put("a", "1");
    let cached = 0;
    const { result } = await transact(store, (attempt) => {
      attempt.expect("a", cached);
      cached = 1;
      attempt.put("b", "");
      return attempt.number;
    });
    expect(result).toBe(1);
  });

  test("a cache that contradicts a read is no ground to commit on", async () => {
    await put("a", "1");
    const { result } = await transact(store, async (attempt) => {
      await attempt.get("a");
      attempt.expect("a", attempt.number === 0 ? 7 : 1);
      return attempt.number;
    });
    expect(result).toBe(1);
  });

  test("reads see what the attempt wrote", async () => {
    await put("k/a", "1");
    await put("k/c", "1");
    await transact(store, async (attempt) => {
      attempt.put("k/b", "2");
      attempt.put("k/c", "2");
      attempt.delete("k/a");
      expect(await attempt.get("k/a")).toBeUndefined();
      expect(await attempt.get("k/b")).toEqual({ key: "k/b", value: "2", revision: 0, created: 0 });
      expect((await attempt.list("k/")).map(({ key, value, revision }) => [key, value, revision])).toEqual([
        ["k/b", "2", 0],
        ["k/c", "2", 2],
      ]);
    });
  });

  test("a work that only reads is checked, and takes no revision", async () => {
    await put("a", "1");
    await put("b", "1");
    const { result, revision } = await transact(store, async (attempt) => {
      const a = await attempt.get("a");
      if (attempt.number === 0) await Promise.all([put("a", "2"), put("b", "2")]);
      return [a?.value, (await attempt.get("b"))?.value];
    });
    expect([result, revision]).toEqual([["2", "2"], 4]);
  });

  test("an error of the work is passed on, and nothing is written", async () => {
    const error = new HoldfastError("in_use", "subnet in use");
    const failing = transact(store, (attempt) => {
      attempt.put("a", "");
      throw error;
    });
    await expect(failing).rejects.toBe(error);
    expect(await store.revision()).toBe(0);
  });

  test("an error that came from reading halfway through another's commit is not passed on", async () => {
    await put("a", "1");
    await put("b", "1");
    const { result } = await transact(store, async (attempt) => {
      const a = await attempt.get("a");
      if (attempt.number === 0) await Promise.all([put("a", "2"), put("b", "2")]);
      const b = await attempt.get("b");
      if (a?.value !== b?.value) throw new HoldfastError("internal", "a and b differ");
      return a?.value;
    });
    expect(result).toBe("2");
  });

  test("gives up after so many tries and names the keys", async () => {
    let tries = 0;
    const failing = transact(
      store,
      async (attempt) => {
        tries++;
        await attempt.get("hot");
        await put("hot", "");
        attempt.put("b", "");
      },
      { tries: 3 },
    );
    await expect(failing).rejects.toMatchObject({
      code: "conflict",
      retryable: true,
      message: "hot changed during each of 3 tries; try again",
    });
    expect(tries).toBe(3);
  });

  test("stops when its signal is aborted", async () => {
    const abort = new AbortController();
    const reason = new HoldfastError("timeout", "the caller has gone");
    const failing = transact(
      store,
      async (attempt) => {
        await attempt.get("hot");
        await put("hot", "");
        abort.abort(reason);
      },
      { signal: abort.signal },
    );
    await expect(failing).rejects.toBe(reason);
  });
});
