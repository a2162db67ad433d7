import type { EndField, PacketField } from "@holdfast/flow";
import type { TrafficDimensions, TrafficEnd } from "../windows/traffic.ts";
import type { Column, KeyValue } from "./plan.ts";

/** Traffic with the port of the end that serves. */
export interface ServedTraffic extends TrafficDimensions {
  readonly servicePort?: number;
}

/** What a row has in a column; null: nothing. Groups are a list, empty when there are none. */
export function columnValue(row: ServedTraffic, column: Column): KeyValue | readonly string[] {
  const dot = column.indexOf(".");
  if (dot < 0) return packetValue(row, column as PacketField);
  return endValue(column.startsWith("source") ? row.source : row.destination, column.slice(dot + 1) as EndField);
}

function endValue(end: TrafficEnd, field: EndField): KeyValue | readonly string[] {
  if (field === "address") return end.address ?? null;
  if (field === "prefix") return end.kind === "outside" ? (end.prefix ?? null) : null;
  if (end.kind !== "endpoint") return field === "group" ? [] : null;
  return field === "group" ? end.groups : end[field];
}

function packetValue(row: ServedTraffic, field: PacketField): KeyValue {
  switch (field) {
    case "protocol":
      return row.protocol ?? null;
    // Port 0 is "no port", which people do not ask for as a number.
    case "service":
      return row.servicePort || null;
    case "verdict":
      return row.verdict ?? null;
    case "exporter":
      return row.exporter.agent;
    case "vlan":
      return row.vlan ?? null;
    case "vni":
      return row.vni ?? null;
    case "attributed":
      return row.isAttributed;
  }
}
