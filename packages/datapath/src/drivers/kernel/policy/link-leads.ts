import type { Netfilter, SetChange } from "@holdfast/netlink";
import type { EndpointPrograms } from "@holdfast/policy";
import { endpointMap, entryName, POLICY_TABLE } from "./names.ts";

const WAYS = (["enforced", "staged"] as const).flatMap((mode) =>
  (["egress", "ingress"] as const).map((direction) => ({ mode, direction, map: endpointMap(mode, direction) })),
);

/** Names of the kernel's maps, from links to chains. */
export const LEAD_MAPS: ReadonlySet<string> = new Set(WAYS.map(({ map }) => map));

/** To which programs' chains the kernel leads the packets of each link. */
export class LinkLeads {
  readonly #netfilter: Netfilter;
  /** What the kernel's maps lead links to. */
  readonly #targets = new Map<string, Map<string, string>>();

  constructor(netfilter: Netfilter) {
    this.#netfilter = netfilter;
  }

  /** What an earlier run has left, of the sets and maps that the kernel has. */
  recover(sets: ReadonlySet<string> | undefined): void {
    for (const map of LEAD_MAPS) {
      const known = sets?.has(map) ? this.#netfilter.readTargets(POLICY_TABLE, map) : [];
      this.#targets.set(map, new Map(known));
    }
  }

  /** Every link that is led anywhere. */
  links(): ReadonlySet<string> {
    return new Set(this.#targets.values().flatMap((targets) => targets.keys()));
  }

  /** In one transaction for both directions. Absent: nowhere. */
  lead(link: string, programs: EndpointPrograms | undefined): void {
    const changes: SetChange[] = [];
    for (const { mode, direction, map } of WAYS) {
      const program = mode === "enforced" ? programs?.program : programs?.staged;
      const wanted = program === undefined ? undefined : entryName(mode, program, direction);
      const present = this.#targets.get(map)?.get(link);
      if (wanted === present) continue;
      if (present !== undefined) changes.push({ kind: "unlead", map, link });
      if (wanted !== undefined) changes.push({ kind: "lead", map, link, chain: wanted });
    }
    if (changes.length === 0) return;
    this.#netfilter.change(POLICY_TABLE, changes);
    for (const change of changes) {
      if (change.kind === "lead") this.#targets.get(change.map)?.set(link, change.chain);
      else if (change.kind === "unlead") this.#targets.get(change.map)?.delete(link);
    }
  }
}
