import type { PartitionKind } from "../store/partitions.ts";

/** Kinds of data that a cluster keeps; ends are within documents. */
export type StreamKind = Exclude<PartitionKind, "ends">;
export const STREAM_KINDS = [
  "fine",
  "minute",
  "tens",
  "hour",
  "samples",
  "counts",
  "drops",
] as const satisfies StreamKind[];

const WORD = { type: "keyword" } as const;
const NUMBER = { type: "integer" } as const;
/** Estimates are no whole numbers; doubles hold whole ones exactly up to 2^53. Nobody looks for them. */
const SUM = { type: "double", index: false } as const;
/** Rows are added up by it, and never looked for. */
const KEY = { type: "keyword", index: false } as const;

const END = {
  properties: {
    kind: WORD,
    endpoint: WORD,
    tenant: WORD,
    network: WORD,
    identity: WORD,
    group: WORD,
    node: WORD,
    prefix: WORD,
    address: { type: "ip" },
    addressBits: WORD,
  },
} as const;

const DIMENSIONS = {
  "@timestamp": { type: "date" },
  tier: WORD,
  source: END,
  destination: END,
  exporter: { type: "ip" },
  exporterBits: WORD,
  protocol: NUMBER,
  service: NUMBER,
  verdict: WORD,
  vlan: NUMBER,
  vni: NUMBER,
  attributed: { type: "boolean" },
} as const;

/** What the data streams of a prefix look like; OpenSearch and Elasticsearch take the same. */
export function templateOf(prefix: string, kind: StreamKind): object {
  return {
    index_patterns: [`${prefix}-${kind}-*`],
    data_stream: {},
    // Above the templates that Elasticsearch brings along.
    priority: 500,
    template: {
      // One copy more where there is a machine for it.
      settings: { number_of_shards: 1, auto_expand_replicas: "0-1", refresh_interval: "5s", codec: "best_compression" },
      mappings: mappingsOf(kind),
    },
  };
}

function mappingsOf(kind: StreamKind): object {
  switch (kind) {
    case "samples":
      return SAMPLES;
    case "counts":
      return COUNTS;
    case "drops":
      return DROPS;
    default:
      return SUMS;
  }
}

const SUMS = {
  dynamic: false,
  // The key says once more what the other fields do.
  _source: { excludes: ["key"] },
  properties: { ...DIMENSIONS, key: KEY, packets: SUM, bytes: SUM, samples: SUM, exact: SUM },
} as const;

const AMOUNTS = { properties: { bytes: SUM, packets: SUM, drops: SUM, errors: SUM } } as const;

const COUNTS = {
  dynamic: false,
  properties: {
    "@timestamp": { type: "date" },
    tier: WORD,
    endpoint: WORD,
    tenant: WORD,
    network: WORD,
    identity: WORD,
    node: WORD,
    exporter: WORD,
    ifIndex: { type: "long" },
    port: WORD,
    since: { type: "date" },
    egress: AMOUNTS,
    ingress: AMOUNTS,
  },
} as const;

const DROPS = {
  dynamic: false,
  properties: {
    "@timestamp": { type: "date" },
    tier: WORD,
    tenant: WORD,
    policy: WORD,
    direction: WORD,
    rule: WORD,
    guard: WORD,
    node: WORD,
    packets: SUM,
    bytes: SUM,
  },
} as const;

const SAMPLES = {
  dynamic: false,
  properties: { ...DIMENSIONS, sourcePort: NUMBER, destinationPort: NUMBER, tcpFlags: NUMBER, bytes: SUM, rate: SUM },
} as const;
