import { describe, expect, test } from "vitest";
import { zoneLimitTable } from "./tables/zone-limits.ts";
import { zoneLimits } from "./zone-limits.ts";

const signal = new AbortController().signal;

/** A switch's control socket; the limits of its zones. */
function control(zones: Map<number, number>) {
  const asked: string[] = [];
  const ask = async (method: string, [, terms = ""]: readonly string[]): Promise<string> => {
    asked.push(`${method} ${terms}`.trim());
    const [, zone, limit] = /zone=(\d+)(?:,limit=(\d+))?/.exec(terms) ?? [];
    if (method === "dpctl/ct-set-limits") zones.set(Number(zone), Number(limit));
    if (method === "dpctl/ct-del-limits") zones.delete(Number(zone));
    const lines = [...zones].map(([key, value]) => `zone=${key},limit=${value},count=1\n`);
    return method === "dpctl/ct-get-limits" ? `default limit=0\n${lines.join("")}` : "";
  };
  return { asked, ask };
}

describe("numbers of connections in a switch", () => {
  test("are written where they differ, and kept where they are right", async () => {
    const switched = control(new Map([[33_768, 5]]));
    const limits = zoneLimits(switched, "netdev");
    if (limits === undefined) throw new TypeError("there are none");
    const { update, remove } = zoneLimitTable(limits).definition.operations;
    await update([{ zone: 33_768, limit: 5 }], signal);
    await update([{ zone: 33_769, limit: 7 }], signal);
    await remove([{ zone: 33_768, limit: 5 }], signal);
    await remove([{ zone: 33_770, limit: 5 }], signal);
    expect(switched.asked).toEqual([
      "dpctl/ct-get-limits",
      "dpctl/ct-set-limits zone=33769,limit=7",
      "dpctl/ct-del-limits zone=33768",
    ]);
  });

  test("of zones that are no port's of ours are left alone", async () => {
    const zones = new Map([
      [32_800, 1],
      [33_768, 2],
      [33_800, 3],
    ]);
    const limits = zoneLimits(control(zones), "netdev");
    if (limits === undefined) throw new TypeError("there are none");
    await zoneLimitTable(limits).definition.operations.prune([{ zone: 33_800, limit: 3 }], signal);
    expect([...zones]).toEqual([
      [32_800, 1],
      [33_800, 3],
    ]);
  });

  test("are not kept to by the kernel's datapath", () => {
    expect(zoneLimits(control(new Map()), "system")).toBeUndefined();
  });
});
