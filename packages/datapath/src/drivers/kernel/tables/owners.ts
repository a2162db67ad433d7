import { type Family, IpAddress, MacAddress } from "@holdfast/core";
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
  readonly family: TableFamily;
  readonly set: string;
  readonly keys: readonly Uint8Array[];
}

/** Elements of the guards' sets, by netlink. They go with the guards, and come again behind them. */
export function ownerTable(netfilter: Netfilter): TableDefinition<OwnerRow> {
  /** As they were written last: a link may get other addresses. */
  const written = new Map<string, OwnerRow>();
  const write = (row: OwnerRow): void => {
    netfilter.change(GUARD_TABLE, [...removals(written.get(row.link)), ...changesOf("add", elementsOf(row))]);
    written.set(row.link, row);
  };
  const erase = (row: OwnerRow): void => {
    netfilter.change(GUARD_TABLE, removals(written.get(row.link) ?? row));
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
        const wanted = new Set(
          desired.flatMap(elementsOf).flatMap((some) => some.keys.map((key) => textOf(some, key))),
        );
        const families = (["inet", "arp"] as const).filter((family) => netfilter.hasTable(`${family} ${GUARD_TABLE}`));
        const present = SETS.filter(({ family }) => families.includes(family));
        const gone = present.map(({ family, set }): Elements => {
          // Also of a link that is wanted: a former one of its name may have had other addresses.
          const keys = netfilter.readKeys(GUARD_TABLE, set, family);
          return { family, set, keys: keys.filter((key) => !wanted.has(textOf({ family, set }, key))) };
        });
        netfilter.change(GUARD_TABLE, changesOf("remove", gone));
      },
    },
  };
}

const SETS = [
  { family: "inet", set: OWNERS.links },
  { family: "inet", set: OWNERS.macs },
  { family: "inet", set: OWNERS.sources4 },
  { family: "inet", set: OWNERS.sources6 },
  { family: "inet", set: OWNERS.targets },
  { family: "arp", set: OWNERS.links },
  { family: "arp", set: OWNERS.senders },
] as const satisfies readonly Omit<Elements, "keys">[];
/** IFNAMSIZ of linux/if.h. */
const NAME = 16;

const encoder = new TextEncoder();

function elementsOf({ link, mac, addresses }: OwnerRow): readonly Elements[] {
  const of = (wanted: Family) =>
    addresses.filter((address) => IpAddress.family(address) === wanted).map(IpAddress.toBytes);
  const keys = (values: readonly Uint8Array[]) => values.map((value) => keyOf(link, value));
  const own = MacAddress.toBytes(mac);
  return [
    { family: "inet", set: OWNERS.links, keys: [keyOf(link)] },
    { family: "inet", set: OWNERS.macs, keys: [keyOf(link, own)] },
    { family: "inet", set: OWNERS.sources4, keys: of("v4").map((address) => keyOf(link, own, address)) },
    { family: "inet", set: OWNERS.sources6, keys: of("v6").map((address) => keyOf(link, own, address)) },
    { family: "inet", set: OWNERS.targets, keys: keys(of("v6")) },
    { family: "arp", set: OWNERS.links, keys: [keyOf(link)] },
    { family: "arp", set: OWNERS.senders, keys: keys(of("v4")) },
  ];
}

/** What is removed has to be there: somebody may have flushed it. */
function removals(row: OwnerRow | undefined): readonly SetChange[] {
  if (row === undefined) return [];
  const elements = elementsOf(row);
  return [...changesOf("add", elements), ...changesOf("remove", elements)];
}

function changesOf(kind: "add" | "remove", elements: readonly Elements[]): readonly SetChange[] {
  return elements.filter(({ keys }) => keys.length > 0).map((some) => ({ kind, ...some }));
}

/** A link's name, and what it is with; each part in whole registers of four bytes. */
function keyOf(link: string, ...values: readonly Uint8Array[]): Uint8Array {
  const key = new Uint8Array(values.reduce((size, value) => size + registers(value), NAME));
  encoder.encodeInto(link, key);
  let end = NAME;
  for (const value of values) {
    key.set(value, end);
    end += registers(value);
  }
  return key;
}

function registers(value: Uint8Array): number {
  return (value.length + 3) & ~3;
}

function textOf({ family, set }: Omit<Elements, "keys">, key: Uint8Array): string {
  return `${family} ${set} ${Buffer.from(key).toString("hex")}`;
}
