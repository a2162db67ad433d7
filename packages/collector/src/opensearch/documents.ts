import { IpAddress } from "@holdfast/core";
import { withServicePort } from "../query/sample-values.ts";
import { addressBits } from "../store/address-bits.ts";
import type { SumTier } from "../store/sum-tiers.ts";
import type { EndpointEnd, TrafficDimensions, TrafficEnd, TrafficSample, WindowRow } from "../windows/traffic.ts";

/** One end, as documents have it. What is absent has no value. */
export interface EndDocument {
  readonly kind: TrafficEnd["kind"];
  readonly endpoint?: string;
  readonly tenant?: string;
  readonly network?: string;
  readonly identity?: string;
  readonly group?: readonly string[];
  readonly node?: string;
  readonly prefix?: string;
  readonly address?: string;
  /** The address in an order that prefixes are stretches of; the type `ip` takes ::ffff:192.0.2.1 for 192.0.2.1. */
  readonly addressBits?: string;
}

/** What documents of sums and of samples have alike. */
export interface DimensionDocument {
  readonly source: EndDocument;
  readonly destination: EndDocument;
  readonly exporter: string;
  readonly exporterBits: string;
  readonly protocol?: number;
  readonly service?: number;
  readonly verdict?: string;
  readonly vlan?: number;
  readonly vni?: number;
  readonly attributed: boolean;
}

export interface SampleDocument extends DimensionDocument {
  /** Milliseconds since 1970. */
  readonly "@timestamp": number;
  readonly tier: "samples";
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly tcpFlags?: number;
  readonly bytes: number;
  readonly rate: number;
}

/** Sums of a document, by the names of its fields. */
export interface DocumentSums {
  readonly packets: number;
  readonly bytes: number;
  readonly samples: number;
  readonly exact: number;
}
export const SUM_FIELDS = ["packets", "bytes", "samples", "exact"] as const satisfies (keyof DocumentSums)[];

/** All that a row is told apart by, as JSON: the same for the same traffic, so that roll-ups add up by it. */
export function dimensionKey(row: WindowRow): string {
  return JSON.stringify(dimensionsOf(row, row.servicePort));
}

/** A document of sums, as JSON. */
export function sumDocument(tier: SumTier, start: number, key: string, sums: DocumentSums): string {
  const { packets, bytes, samples, exact } = sums;
  const head = `{"@timestamp":${start},"tier":"${tier}","key":${JSON.stringify(key)}`;
  // The key is an object of JSON itself.
  return `${head},"packets":${packets},"bytes":${bytes},"samples":${samples},"exact":${exact},${key.slice(1)}`;
}

export function sampleDocument(sample: TrafficSample): string {
  const { at, sourcePort, destinationPort, tcpFlags, bytes, rate } = sample;
  const document: SampleDocument = {
    "@timestamp": at,
    tier: "samples",
    ...dimensionsOf(sample, withServicePort(sample).servicePort),
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    ...(tcpFlags === undefined ? {} : { tcpFlags }),
    bytes,
    rate,
  };
  return JSON.stringify(document);
}

/** In this order, always: keys are compared as text. */
function dimensionsOf(row: TrafficDimensions, service: number | undefined): DimensionDocument {
  const { agent } = row.exporter;
  return {
    source: endDocument(row.source),
    destination: endDocument(row.destination),
    exporter: agent,
    exporterBits: addressBits(agent),
    ...(row.protocol === undefined ? {} : { protocol: row.protocol }),
    ...(service ? { service } : {}),
    ...(row.verdict === undefined ? {} : { verdict: row.verdict }),
    ...(row.vlan === undefined ? {} : { vlan: row.vlan }),
    ...(row.vni === undefined ? {} : { vni: row.vni }),
    attributed: row.isAttributed,
  };
}

function endDocument(end: TrafficEnd): EndDocument {
  const address = end.address === undefined ? {} : { address: end.address, addressBits: addressBits(end.address) };
  switch (end.kind) {
    case "endpoint":
      return { kind: end.kind, ...endpointDocument(end), ...address };
    case "outside":
      return { kind: end.kind, ...(end.prefix === undefined ? {} : { prefix: end.prefix }), ...address };
    case "unknown":
      return { kind: end.kind, ...address };
  }
}

function endpointDocument({
  endpoint,
  tenant,
  network,
  identity,
  groups,
  node,
}: EndpointEnd): Omit<EndDocument, "kind"> {
  return { endpoint, tenant, network, identity, ...(groups.length === 0 ? {} : { group: groups }), node };
}

/** A sampled packet as it was, as far as questions are about it. */
export function sampleOf(document: SampleDocument): TrafficSample {
  const { source, destination, exporter, protocol, verdict, vlan, vni, attributed } = document;
  const { "@timestamp": at, sourcePort, destinationPort, tcpFlags, bytes, rate } = document;
  return {
    at,
    exporter: { agent: IpAddress.parse(exporter), subAgent: 0 },
    vantage: "port",
    direction: "internal",
    isCounted: true,
    isAttributed: attributed,
    source: endOf(source),
    destination: endOf(destination),
    ...(protocol === undefined ? {} : { protocol }),
    ...(verdict === undefined ? {} : { verdict: verdict as "allowed" | "denied" }),
    ...(vlan === undefined ? {} : { vlan }),
    ...(vni === undefined ? {} : { vni }),
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    ...(tcpFlags === undefined ? {} : { tcpFlags }),
    bytes,
    rate,
  };
}

function endOf({ kind, group = [], prefix, ...end }: EndDocument): TrafficEnd {
  const address = end.address === undefined ? {} : { address: IpAddress.parse(end.address) };
  if (kind === "endpoint") {
    const { endpoint = "", tenant = "", network = "", identity = "", node = "" } = end;
    return { kind, endpoint, tenant, network, identity, groups: group, node, ...address };
  }
  if (kind === "unknown") return { kind, reason: "free", ...address };
  return { kind, address: IpAddress.parse(end.address ?? ""), ...(prefix === undefined ? {} : { prefix }) };
}
