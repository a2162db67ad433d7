import { HoldfastError } from "@holdfast/core";
import type { WiredNetwork } from "@holdfast/model";
import type { OvsSettings } from "./options.ts";
import type { NetworkParty } from "./pipeline/parties.ts";

/** The number in a network's id, e.g. 7 of `"n7"`. @throws HoldfastError `invalid_argument`. */
export function networkNumber(id: string): number {
  const number = /^n([0-9]{1,9})$/.exec(id)?.[1];
  if (number === undefined) throw new HoldfastError("invalid_argument", `not a network id: ${JSON.stringify(id)}`);
  return Number(number);
}

/** What flows need to know of the network on this node. */
export function networkParty({ id, kind, segment }: WiredNetwork, settings: OvsSettings): NetworkParty {
  const number = networkNumber(id);
  if (segment === undefined) return { number, reach: { kind: "local" } };
  if (kind === "vlan" && settings.uplink !== undefined) return { number, reach: { kind, vlan: segment } };
  if (kind === "vxlan" && settings.tunnel !== undefined) return { number, reach: { kind, vni: segment } };
  return { number, reach: { kind: "local" } };
}
