import { IpAddress, MacAddress } from "@holdfast/core";
import type { Netfilter, SetChange, TableFamily } from "@holdfast/netlink";
import type { TableDefinition } from "../../../reconcile/operations.ts";
import { GUARD_TABLE, OWNERS } from "../guard.ts";

/** Whose a link is, for the guards that look at more than routes. */
export interface OwnerRow {
  readonly link: string;
  readonly mac: MacAddress;
  readonly addresses: readonly IpAddress[];
}

interface Elements {
  readonly set: string;
  readonly keys: readonly Uint8Array[];
}

/** Elements of the guards' sets, by netlink. They go with the guards, and come again behind them. */
export function ownerTable(netfilter: Netfilter): TableDefinition<OwnerRow> {
  /** As they were written last: a link may get other addresses. */
  const written = new Map<string, OwnerRow>();
  const write = (row: OwnerRow): void => {
    const before = written.get(row.link);
    for (const family of FAMILIES) {
      const gone = before === undefined ? [] : changesOf("remove", elementsOf(before, family));
      // What is removed has to be there: somebody may have flushed it.
      const there = before === undefined ? [] : changesOf("add", elementsOf(before, family));
      netfilter.change(GUARD_TABLE, [...there, ...gone, ...changesOf("add", elementsOf(row, family))], family);
    }
    written.set(row.link, row);
  };
  const erase = (row: OwnerRow): void => {
    const before = written.get(row.link) ?? row;
    for (const family of FAMILIES) {
      const elements = elementsOf(before, family);
      netfilter.change(GUARD_TABLE, [...changesOf("add", elements), ...changesOf("remove", elements)], family);
    }
    written.delete(row.link);
  };
  return {
    name: "owners",
    key: ({ link }) => link,
    same: (a, b) => a.mac === b.mac && a.addresses.join() === b.addresses.join(),
    needs: () => [{ table: "firewall", key: "guard" }],
    operations: {
      async update(rows) {
        for (const row of rows) write(row);
      },
      async remove(rows) {
        for (const row of rows) erase(row);
      },
      async prune(desired) {
        const links = new Set(desired.map(({ link }) => link));
        for (const family of FAMILIES) {
          if (!netfilter.hasTable(`${family} ${GUARD_TABLE}`)) continue;
          for (const set of SETS[family]) {
            const keys = netfilter.readKeys(GUARD_TABLE, set, family).filter((key) => !links.has(linkOf(key)));
            if (keys.length > 0) netfilter.change(GUARD_TABLE, [{ kind: "remove", set, keys }], family);
          }
        }
      },
    },
  };
}

const FAMILIES = ["inet", "arp"] as const satisfies readonly TableFamily[];
const SETS = { inet: [OWNERS.links, OWNERS.macs, OWNERS.targets], arp: [OWNERS.links, OWNERS.senders] } as const;
/** IFNAMSIZ of linux/if.h. */
const NAME = 16;

function elementsOf({ link, mac, addresses }: OwnerRow, family: TableFamily): readonly Elements[] {
  const of = (wanted: "v4" | "v6") => addresses.filter((address) => IpAddress.family(address) === wanted);
  const keys = (values: readonly Uint8Array[]) => values.map((value) => keyOf(link, value));
  const links = { set: OWNERS.links, keys: [keyOf(link)] };
  if (family === "arp") return [links, { set: OWNERS.senders, keys: keys(of("v4").map(IpAddress.toBytes)) }];
  return [
    links,
    { set: OWNERS.macs, keys: keys([MacAddress.toBytes(mac)]) },
    { set: OWNERS.targets, keys: keys(of("v6").map(IpAddress.toBytes)) },
  ];
}

function changesOf(kind: "add" | "remove", elements: readonly Elements[]): readonly SetChange[] {
  return elements.filter(({ keys }) => keys.length > 0).map(({ set, keys }) => ({ kind, set, keys }));
}

/** A link's name, and what it is with. */
function keyOf(link: string, value: Uint8Array = new Uint8Array()): Uint8Array {
  const key = new Uint8Array(NAME + ((value.length + 3) & ~3));
  new TextEncoder().encodeInto(link, key);
  key.set(value, NAME);
  return key;
}

function linkOf(key: Uint8Array): string {
  return new TextDecoder().decode(key.subarray(0, NAME)).replace(/\0+$/, "");
}
