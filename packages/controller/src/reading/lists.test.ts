import { ManualClock } from "@holdfast/core/testing";
import { openMemoryStore } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { type Page, pageOfKnown, pageOfPrefix } from "./lists.ts";

/** All items of all pages, and how many pages that took. */
async function readAll<T>(next: (token: string | undefined) => Page<T> | Promise<Page<T>>) {
  const items: T[] = [];
  const sizes: number[] = [];
  let token: string | undefined;
  do {
    const page = await next(token);
    items.push(...page.items);
    sizes.push(page.items.length);
    token = page.continue;
  } while (token !== undefined);
  return { items, sizes };
}

describe("a page of a collection", () => {
  test("looks at a bounded number of entries, whatever the filter", async () => {
    const store = openMemoryStore({ clock: new ManualClock() });
    const key = (index: number) => `claims/${String(index).padStart(6, "0")}`;
    const operations = Array.from(
      { length: 50_000 },
      (_, index) => ({ kind: "put", key: key(index), value: "{}" }) as const,
    );
    await store.commit({ conditions: [], operations });
    let most = 0;
    const rare = await readAll(async (token) => {
      let looked = 0;
      const page = await pageOfPrefix(store, "claims/", { limit: 10, continue: token }, (entry) => {
        looked++;
        return entry.key.endsWith("7777") ? entry.key : undefined;
      });
      most = Math.max(most, looked);
      return page;
    });
    expect(rare.items).toEqual([7777, 17_777, 27_777, 37_777, 47_777].map(key));
    expect(most).toBeLessThanOrEqual(21_000);
    await store.close();
  });
});

describe("a page of known keys", () => {
  const keys = Array.from({ length: 5000 }, (_, index) => `e${String((index * 7919) % 5000).padStart(4, "0")}`);
  const sorted = keys.toSorted();

  test.each([1, 7, 999, 1000])("comes in order, nothing twice and nothing missing, %i at a time", async (limit) => {
    const { items, sizes } = await readAll((token) =>
      pageOfKnown(keys, { limit, continue: token }, { revision: 1, read: (key) => key }),
    );
    expect(items).toEqual(sorted);
    expect(sizes).toHaveLength(Math.ceil(5000 / limit));
  });

  test("reads no more than a thousand objects that nobody wants", async () => {
    let most = 0;
    const { items } = await readAll((token) => {
      let read = 0;
      const page = pageOfKnown(
        keys,
        { limit: 10, continue: token },
        { revision: 1, read: (key) => (++read > 0 && key.endsWith("999") ? key : undefined) },
      );
      most = Math.max(most, read);
      return page;
    });
    expect(items).toEqual(["e0999", "e1999", "e2999", "e3999", "e4999"]);
    expect(most).toBeLessThanOrEqual(1000);
  });
});
