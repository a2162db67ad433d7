import { Cidr } from "@holdfast/core";
import type { WiredNetwork } from "@holdfast/model";

/** Who has the machine's one routing table. */
export interface SharedTable {
  /** Networks that have all their prefixes in it. */
  readonly served: readonly WiredNetwork[];
  /** What stands in the way of the others, by network id, e.g. `"10.20.0.0/24 of network red/web overlaps 10.20.0.0/16 of default/web"`. */
  readonly conflicts: ReadonlyMap<string, string>;
}

/** A machine has one routing table: of networks whose prefixes overlap, the oldest is in it. */
export function shareTable(networks: Iterable<WiredNetwork>): SharedTable {
  const served: WiredNetwork[] = [];
  const conflicts = new Map<string, string>();
  for (const network of [...networks].toSorted((a, b) => numberOf(a) - numberOf(b))) {
    const conflict = overlapWith(network, served);
    if (conflict === undefined) served.push(network);
    else conflicts.set(network.id, conflict);
  }
  return { served, conflicts };
}

function overlapWith(network: WiredNetwork, others: readonly WiredNetwork[]): string | undefined {
  for (const { prefix } of network.subnets) {
    for (const other of others) {
      const rival = other.subnets.find((subnet) => Cidr.overlap(prefix, subnet.prefix));
      if (rival === undefined) continue;
      return `${prefix} of network ${network.tenant}/${network.name} overlaps ${rival.prefix} of ${other.tenant}/${other.name}`;
    }
  }
  return undefined;
}

/** By their numbers, which are given in turn, the older is known. */
function numberOf({ id }: WiredNetwork): number {
  return Number(id.slice(1));
}
