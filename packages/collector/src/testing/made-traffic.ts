import { IpAddress } from "@holdfast/core";
import type { EndpointEnd, TrafficEnd, TrafficSample, TrafficWindow, WindowRow } from "../windows/traffic.ts";

/** 2026-11-20T10:00:00Z. */
export const TEN_O_CLOCK = Date.UTC(2026, 10, 20, 10);

/** A container of a tenant, e.g. `("shop/web/redis-0", "10.20.0.7")`. */
export function container(place: string, address: string, more: Partial<EndpointEnd> = {}): EndpointEnd {
  const [tenant = "", network = "", identity = ""] = place.split("/");
  return {
    kind: "endpoint",
    endpoint: `ep-${tenant}-${identity}`,
    tenant,
    network,
    identity,
    groups: [],
    node: "node-1",
    address: IpAddress.parse(address),
    ...more,
  };
}

export function outside(address: string, prefix?: string): TrafficEnd {
  return { kind: "outside", address: IpAddress.parse(address), ...(prefix === undefined ? {} : { prefix }) };
}

export function nobody(address: string): TrafficEnd {
  return { kind: "unknown", reason: "free", address: IpAddress.parse(address) };
}

/** Traffic from one end to another: 10 packets of 100 bytes, one sample, TCP to port 80, unless said otherwise. */
export function traffic(source: TrafficEnd, destination: TrafficEnd, more: Partial<WindowRow> = {}): WindowRow {
  return {
    exporter: { agent: IpAddress.parse("192.168.50.11"), subAgent: 0 },
    node: "node-1",
    vantage: "port",
    direction: "internal",
    isCounted: true,
    isAttributed: source.kind !== "unknown" && destination.kind !== "unknown",
    source,
    destination,
    etherType: 0x0800,
    protocol: 6,
    servicePort: 80,
    packets: 10,
    bytes: 1000,
    samples: 1,
    exactSamples: 0,
    ...more,
  };
}

export function sampled(row: WindowRow, at: number, more: Partial<TrafficSample> = {}): TrafficSample {
  const { servicePort, packets, bytes, samples, exactSamples: _, ...dimensions } = row;
  return {
    ...dimensions,
    at,
    sourcePort: 40_000,
    ...(servicePort === undefined ? {} : { destinationPort: servicePort }),
    tcpFlags: 0x10,
    bytes: bytes / packets,
    rate: packets / samples,
    ...more,
  };
}

/** A window of 10 seconds. */
export function windowOf(
  start: number,
  rows: readonly WindowRow[],
  samples: readonly TrafficSample[] = [],
): TrafficWindow {
  return { start, seconds: 10, rows, samples, leftOut: 0 };
}
