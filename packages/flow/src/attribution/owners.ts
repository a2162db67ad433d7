import type { PlacedEndpoint } from "./change.ts";

/** What is known of endpoints by their numbers. */
export interface Owners {
  set(endpoint: PlacedEndpoint): void;
  readonly nodeOf: (owner: number) => number;
  readonly networkOf: (owner: number) => number;
  readonly tenantOf: (owner: number) => number;
  readonly isSampled: (owner: number) => boolean;
}

const FIELDS = 4;
const [NODE, NETWORK, TENANT, SAMPLED] = [0, 1, 2, 3];

/** Four numbers each, in flat memory. */
export function createOwners(): Owners {
  let fields = new Int32Array(FIELDS * 1024);
  return {
    set({ number, node, network, tenant, isSampled }) {
      while ((number + 1) * FIELDS > fields.length) {
        const larger = new Int32Array(fields.length * 2);
        larger.set(fields);
        fields = larger;
      }
      fields.set([node, network, tenant, isSampled ? 1 : 0], number * FIELDS);
    },
    nodeOf: (owner) => fields[owner * FIELDS + NODE] ?? -1,
    networkOf: (owner) => fields[owner * FIELDS + NETWORK] ?? -1,
    tenantOf: (owner) => fields[owner * FIELDS + TENANT] ?? -1,
    isSampled: (owner) => fields[owner * FIELDS + SAMPLED] === 1,
  };
}
