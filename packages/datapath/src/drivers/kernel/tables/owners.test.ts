import { IpAddress, MacAddress } from "@holdfast/core";
import type { Netfilter, SetChange, TableFamily } from "@holdfast/netlink";
import { beforeEach, describe, expect, test } from "vitest";
import { type OwnerRow, ownerTable } from "./owners.ts";

const signal = new AbortController().signal;

/** Sets of the guards' tables, keys as text. */
class Sets {
  readonly elements = new Set<string>();
  change(_: string, changes: readonly SetChange[]): void {
    for (const change of changes) {
      if (!("keys" in change)) throw new TypeError("only keys are changed");
      const texts = change.keys.map((key) => `${change.family} ${change.set} ${Buffer.from(key).toString("hex")}`);
      for (const text of texts) {
        if (change.kind === "add") this.elements.add(text);
        else if (!this.elements.delete(text)) throw new TypeError(`ENOENT ${text}`);
      }
    }
  }
  hasTable(): boolean {
    return true;
  }
  readKeys(_: string, set: string, family: TableFamily = "inet"): readonly Uint8Array[] {
    const rows = [...this.elements].map((text) => text.split(" "));
    return rows.flatMap(([f, s, key = ""]) => (f === family && s === set ? [Buffer.from(key, "hex")] : []));
  }
}

describe("whose links are", () => {
  const owner = (link: string, last: number): OwnerRow => ({
    link,
    mac: MacAddress.parse(`02:00:00:00:00:0${last}`),
    addresses: [IpAddress.parse(`10.20.0.${last}`), IpAddress.parse(`fd00:20::${last}`)],
  });
  let sets: Sets;
  const run = () => ownerTable(sets as unknown as Netfilter).operations;
  beforeEach(() => {
    sets = new Sets();
  });

  test("changes with them, and nothing is left", async () => {
    const { update, remove } = run();
    await update([owner("hfr1", 1)], signal);
    await update([owner("hfr1", 2)], signal);
    expect(sets.elements.size).toBe(7);
    // By address and MAC at once: nobody's packets are taken for another's by a part of them.
    const sources = [...sets.elements].filter((text) => text.includes("sources"));
    expect(sources.map((text) => text.replace(/(\S+ \S+) .{32}/, "$1 "))).toEqual([
      "inet sources4 0200000000020000" + "0a140002",
      "inet sources6 0200000000020000" + "fd000020000000000000000000000002",
    ]);
    await remove([owner("hfr1", 2)], signal);
    expect([...sets.elements]).toEqual([]);
  });

  test("is not what it was before this run, also when the name is another endpoint's now", async () => {
    await run().update([owner("hfr1", 1), owner("hfr2", 2), owner("hfr3", 3)], signal);
    const { update, prune } = run();
    await update([owner("hfr1", 1), owner("hfr2", 4)], signal);
    await prune([owner("hfr1", 1), owner("hfr2", 4)], signal);
    const found = sets.elements;
    sets = new Sets();
    await run().update([owner("hfr1", 1), owner("hfr2", 4)], signal);
    expect([...found].toSorted()).toEqual([...sets.elements].toSorted());
  });
});
