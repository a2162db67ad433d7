import type { EndpointEnd, TrafficWindow, WindowRow } from "../windows/traffic.ts";
import type { Family } from "./metrics.ts";

/** Counts the traffic of containers for Prometheus, of a bounded number of them. */
export interface EndpointTraffic {
  take(window: TrafficWindow): void;
  families(): readonly Family[];
}

interface Counts {
  readonly labels: string;
  readonly egress: Amounts;
  readonly ingress: Amounts;
  /** Start of the last window that it had traffic in. */
  seen: number;
}

interface Amounts {
  bytes: number;
  packets: number;
  samples: number;
}

/** Whose traffic is counted together, because there are too many. */
const OTHERS = 'tenant="",network="",identity="(others)"';
/** Milliseconds without traffic after which another container may have the place. */
const IDLE = 3_600_000;

/**
 * Identities keep their counters while they move. When all places are taken, who comes next is counted with the others until one has been idle for
 * an hour.
 *
 * @param most identities that have counters of their own; 0: none
 */
export function createEndpointTraffic(most: number): EndpointTraffic {
  const known = new Map<string, Counts>();
  const others = noCounts(OTHERS);

  function countsOf({ tenant, network, identity }: EndpointEnd, now: number): Counts {
    const key = `${tenant}/${network}/${identity}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    if (known.size >= most) forgetIdle(now);
    if (known.size >= most) return others;
    const counts = noCounts(`tenant=${quoted(tenant)},network=${quoted(network)},identity=${quoted(identity)}`);
    known.set(key, counts);
    return counts;
  }

  let lookedAt = -IDLE;
  /** Looked for once in a window at most. */
  function forgetIdle(now: number): void {
    if (lookedAt === now) return;
    lookedAt = now;
    for (const [key, { seen }] of known) if (seen < now - IDLE) known.delete(key);
  }

  function add(
    end: WindowRow["source"],
    direction: "egress" | "ingress",
    { bytes, packets, samples }: WindowRow,
    now: number,
  ): void {
    if (end.kind !== "endpoint") return;
    const counts = countsOf(end, now);
    counts.seen = now;
    counts[direction].bytes += bytes;
    counts[direction].packets += packets;
    counts[direction].samples += samples;
  }

  return {
    take({ start, rows }) {
      if (most === 0) return;
      for (const row of rows) {
        if (!row.isCounted) continue;
        add(row.source, "egress", row, start);
        add(row.destination, "ingress", row, start);
      }
    },
    families() {
      const all = [...known.values(), others];
      const values = (of: keyof Amounts) =>
        all.flatMap((counts) =>
          DIRECTIONS.map((direction) => [`${counts.labels},direction="${direction}"`, counts[direction][of]] as const),
        );
      return [
        counter("bytes", "Estimated bytes of containers as they see them.", values("bytes")),
        counter("packets", "Estimated packets of containers as they see them.", values("packets")),
        counter(
          "samples",
          "Samples that the estimates are made from: their error is 196 / √samples percent.",
          values("samples"),
        ),
        {
          name: "holdfast_collector_endpoints_counted",
          help: "Identities that have counters of their own.",
          type: "gauge",
          values: [["", known.size]],
        },
      ];
    },
  };
}

const DIRECTIONS = ["egress", "ingress"] as const;

function counter(what: string, help: string, values: Family["values"]): Family {
  return { name: `holdfast_collector_endpoint_${what}_total`, help, type: "counter", values };
}

function noCounts(labels: string): Counts {
  const none = (): Amounts => ({ bytes: 0, packets: 0, samples: 0 });
  return { labels, egress: none(), ingress: none(), seen: 0 };
}

/** A label's value (exposition format 0.0.4). */
export function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}
