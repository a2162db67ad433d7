import type { IpAddress, MacAddress } from "@holdfast/core";
import type { TrafficRow, TrafficSampleRow } from "@holdfast/flow";
import type { Inventory } from "../inventory/inventory.ts";
import type { TrafficDimensions, TrafficDirection, TrafficEnd } from "../windows/traffic.ts";
import { isGroupAddress, isGroupMac } from "./group-address.ts";
import type { NameOutside } from "./named-prefixes.ts";

/** Who traffic is from and for. */
export type Names = Pick<
  TrafficDimensions,
  "node" | "direction" | "isCounted" | "isAttributed" | "source" | "destination"
>;

/** Says whose a row is, of which an attribution has found the numbers. */
export type NameRow = (row: TrafficRow | TrafficSampleRow) => Names;

export type KnownInside = Pick<Inventory, "endpoint" | "nodeOf" | "isInside">;

/** Knows nobody inside. */
export const nobodyInside: KnownInside = {
  endpoint: () => undefined,
  nodeOf: () => undefined,
  isInside: () => false,
};

/** What a row says of one of its ends. */
interface SaidOfEnd {
  readonly owner: number | "ambiguous" | undefined;
  readonly address: IpAddress | undefined;
  readonly mac: MacAddress | undefined;
}

export function createNaming(inside: KnownInside, nameOutside: NameOutside): NameRow {
  function endOf({ owner, address, mac }: SaidOfEnd, otherTenant: string | undefined): TrafficEnd {
    const said = { ...(address === undefined ? {} : { address }), ...(mac === undefined ? {} : { mac }) };
    if (owner === "ambiguous") return { kind: "unknown", reason: "ambiguous", ...said };
    const endpoint = owner === undefined ? undefined : inside.endpoint(owner);
    if (endpoint !== undefined) return { ...endpoint, ...(address === undefined ? {} : { address }) };
    if (mac !== undefined && isGroupMac(mac)) return { kind: "unknown", reason: "group", ...said };
    if (address === undefined) return { kind: "unknown", reason: "no-ip", ...said };
    if (isGroupAddress(address)) return { kind: "unknown", reason: "group", ...said };
    if (inside.isInside(address, otherTenant)) return { kind: "unknown", reason: "free", ...said };
    const prefix = nameOutside(address);
    return { kind: "outside", address, ...(prefix === undefined ? {} : { prefix }) };
  }

  function tenantOf(owner: SaidOfEnd["owner"]): string | undefined {
    return typeof owner === "number" ? inside.endpoint(owner)?.tenant : undefined;
  }

  return ({ exporter, isCounted, ip, sourceOwner, destinationOwner, sourceMac, destinationMac }) => {
    const source = endOf({ owner: sourceOwner, address: ip?.source, mac: sourceMac }, tenantOf(destinationOwner));
    const to = { owner: destinationOwner, address: ip?.destination, mac: destinationMac };
    const destination = endOf(to, tenantOf(sourceOwner));
    const node = inside.nodeOf(exporter.agent);
    return {
      ...(node === undefined ? {} : { node }),
      direction: directionOf(source, destination),
      isCounted,
      isAttributed: isAttributed(source, destination),
      source,
      destination,
    };
  };
}

function directionOf(source: TrafficEnd, destination: TrafficEnd): TrafficDirection {
  if (source.kind === "endpoint") return destination.kind === "endpoint" ? "internal" : "egress";
  return destination.kind === "endpoint" ? "ingress" : "transit";
}

function isAttributed(source: TrafficEnd, destination: TrafficEnd): boolean {
  const ends = [source, destination];
  const isKnown = (end: TrafficEnd): boolean => end.kind !== "unknown" || end.reason === "group";
  return ends.some(({ kind }) => kind === "endpoint") && ends.every(isKnown);
}
