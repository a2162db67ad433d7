import type { PlacedEndpoint } from "./change.ts";

/** What is known of endpoints by their numbers. */
export interface Owners {
  set(endpoint: PlacedEndpoint): void;
  readonly nodeOf: (owner: number) => number;
  readonly networkOf: (owner: number) => number;
  readonly tenantOf: (owner: number) => number;
  readonly isSampled: (owner: number) => boolean;
  /** Number of the interface by which its packets came last; 0: not seen. */
  readonly portOf: (owner: number) => number;
  /** 0: it was not told. */
  sawPort(owner: number, ifIndex: number): void;
}

const FIELDS = 5;
const [NODE, NETWORK, TENANT, SAMPLED, PORT] = [0, 1, 2, 3, 4];

/** Some numbers each, in flat memory. */
export function createOwners(): Owners {
  let fields = new Int32Array(FIELDS * 1024);
  return {
    set({ number, node, network, tenant, isSampled }) {
      while ((number + 1) * FIELDS > fields.length) {
        const larger = new Int32Array(fields.length * 2);
        larger.set(fields);
        fields = larger;
      }
      fields.set([node, network, tenant, isSampled ? 1 : 0, 0], number * FIELDS);
    },
    nodeOf: (owner) => fields[owner * FIELDS + NODE] ?? -1,
    networkOf: (owner) => fields[owner * FIELDS + NETWORK] ?? -1,
    tenantOf: (owner) => fields[owner * FIELDS + TENANT] ?? -1,
    isSampled: (owner) => fields[owner * FIELDS + SAMPLED] === 1,
    portOf: (owner) => fields[owner * FIELDS + PORT] ?? 0,
    sawPort(owner, ifIndex) {
      if (ifIndex !== 0) fields[owner * FIELDS + PORT] = ifIndex;
    },
  };
}
