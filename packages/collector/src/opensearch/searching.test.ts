import { describe, expect, test } from "vitest";
import { ALWAYS } from "../query/plan.ts";
import { eachGroup, MOST_GROUPS, type Search } from "./searching.ts";

const one = { where: ALWAYS, keys: [{ kind: "field", column: "source.address" }] } as const;
const bucket = (bits: string) => ({ key: { k0: bits }, doc_count: 1 });

/** Answers pages of so many buckets, one after the other. */
function pagesOf(...sizes: readonly number[]) {
  const after: unknown[] = [];
  const search: Search = (body) => {
    const { aggs } = body as { aggs: { groups: { composite: { after?: unknown } } } };
    after.push(aggs.groups.composite.after);
    const buckets = Array.from({ length: sizes[after.length - 1] ?? 0 }, () => bucket("v4 0a140007"));
    return Promise.resolve({
      timed_out: false,
      hits: { hits: [] },
      aggregations: { groups: { buckets, after_key: { k0: after.length } } },
    });
  };
  return { search, after };
}

describe("groups", () => {
  test("are told page by page, until one is not full", async () => {
    const { search, after } = pagesOf(10_000, 10_000, 7);
    let count = 0;
    await eachGroup(search, one, { sums: {} }, (key) => {
      expect(key).toEqual(["10.20.0.7"]);
      count += 1;
    });
    expect(count).toBe(20_007);
    expect(after).toEqual([undefined, { k0: 1 }, { k0: 2 }]);
  });

  test("are refused when there are more than memory should have", async () => {
    const { search, after } = pagesOf(...Array.from({ length: 1000 }, () => 10_000));
    await expect(eachGroup(search, one, { sums: {} }, () => undefined)).rejects.toMatchObject({
      code: "too_large",
      message: "the question has more than 500000 groups; ask by fewer fields, or filter",
    });
    expect(after).toHaveLength(MOST_GROUPS / 10_000 + 1);
  });
});
