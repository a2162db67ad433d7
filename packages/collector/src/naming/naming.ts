import type { IpAddress, MacAddress } from "@holdfast/core";
import type { TrafficRow } from "@holdfast/flow";
import type { TrafficDimensions, TrafficEnd } from "../windows/traffic.ts";
import { isGroupAddress, isGroupMac } from "./group-address.ts";
import type { NameOutside } from "./named-prefixes.ts";

/** Who traffic is from and for. */
export type Names = Pick<
  TrafficDimensions,
  "node" | "direction" | "isCounted" | "isAttributed" | "source" | "destination"
>;

/** Says whose a row is. */
export type NameRow = (row: TrafficRow) => Names;

/** Knows nobody inside: names what has a named prefix. */
export function nameWithoutInventory(nameOutside: NameOutside): NameRow {
  const endOf = (address: IpAddress | undefined, mac: MacAddress | undefined): TrafficEnd => {
    if (address === undefined || isGroupAddress(address) || (mac !== undefined && isGroupMac(mac))) {
      const reason = address === undefined && (mac === undefined || !isGroupMac(mac)) ? "no-ip" : "group";
      return {
        kind: "unknown",
        reason,
        ...(address === undefined ? {} : { address }),
        ...(mac === undefined ? {} : { mac }),
      };
    }
    const prefix = nameOutside(address);
    return { kind: "outside", address, ...(prefix === undefined ? {} : { prefix }) };
  };
  return ({ vantage, ip, sourceMac, destinationMac }) => ({
    direction: "transit",
    isCounted: vantage === "port",
    isAttributed: false,
    source: endOf(ip?.source, sourceMac),
    destination: endOf(ip?.destination, destinationMac),
  });
}
