import type { IpAddress } from "@holdfast/core";
import { addressBits } from "../store/address-bits.ts";
import type { TrafficEnd } from "../windows/traffic.ts";

/** What the table of ends has of one. */
export interface EndRow {
  readonly id: number;
  readonly endpoint: string | null;
  readonly tenant: string | null;
  readonly network: string | null;
  readonly identity: string | null;
  readonly groups: readonly string[];
  readonly node: string | null;
  readonly prefix: string | null;
  readonly address: string | null;
  readonly bits: string | null;
}

/** Ends by number. Those that are new since the last {@link EndNumbers.settle} are to be written down. */
export interface EndNumbers {
  numberOf(end: TrafficEnd, day: number): number;
  /** Agents are ends that have nothing but their address. */
  numberOfAgent(agent: IpAddress, day: number): number;
  readonly added: readonly EndRow[];
  /** Written down, or not: then they are forgotten. */
  settle(isWritten: boolean): void;
}

/** More are known by new numbers again: a number means one end, an end may have several numbers. */
const MOST_KNOWN = 200_000;

/** @param next the first number that nobody has */
export function createEndNumbers(next: number): EndNumbers {
  const known = new Map<string, number>();
  let dayOfKnown = -1;
  let added: EndRow[] = [];
  let addedKeys: string[] = [];

  function number(key: string, day: number, row: () => Omit<EndRow, "id">): number {
    if (day !== dayOfKnown || known.size >= MOST_KNOWN) known.clear();
    dayOfKnown = day;
    const before = known.get(key);
    if (before !== undefined) return before;
    const id = next++;
    known.set(key, id);
    addedKeys.push(key);
    added.push({ id, ...row() });
    return id;
  }

  return {
    numberOf: (end, day) => number(keyOf(end), day, () => rowOf(end)),
    numberOfAgent: (agent, day) => number(`agent ${agent}`, day, () => ({ ...NOTHING, ...addressOf(agent) })),
    get added() {
      return added;
    },
    settle(isWritten) {
      if (!isWritten) for (const key of addedKeys) known.delete(key);
      added = [];
      addedKeys = [];
    },
  };
}

function keyOf(end: TrafficEnd): string {
  switch (end.kind) {
    case "endpoint":
      return `e ${end.endpoint} ${end.address ?? ""} ${end.node} ${end.tenant}/${end.network}/${end.identity} ${end.groups.join(",")}`;
    case "outside":
      return `o ${end.address} ${end.prefix ?? ""}`;
    case "unknown":
      return `u ${end.address ?? ""}`;
  }
}

const NOTHING = {
  endpoint: null,
  tenant: null,
  network: null,
  identity: null,
  groups: [],
  node: null,
  prefix: null,
  address: null,
  bits: null,
} as const;

function rowOf(end: TrafficEnd): Omit<EndRow, "id"> {
  if (end.kind === "unknown") return { ...NOTHING, ...addressOf(end.address) };
  if (end.kind === "outside") return { ...NOTHING, prefix: end.prefix ?? null, ...addressOf(end.address) };
  const { endpoint, tenant, network, identity, groups, node } = end;
  return { endpoint, tenant, network, identity, groups, node, prefix: null, ...addressOf(end.address) };
}

function addressOf(address: IpAddress | undefined): Pick<EndRow, "address" | "bits"> {
  return address === undefined ? { address: null, bits: null } : { address, bits: addressBits(address) };
}
