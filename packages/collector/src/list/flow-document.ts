import { protocolName } from "@holdfast/flow";
import { withServicePort } from "../query/sample-values.ts";
import type { TrafficDimensions, TrafficEnd, TrafficSample, TrafficWindow, WindowRow } from "../windows/traffic.ts";

/** What a list is of: sums of a window's traffic, one per kind of it, or its sampled packets. */
export type ListContent = "windows" | "samples";

/**
 * A window's documents as JSON, each with an `id` that it has however often it is made. Traffic that was sampled once more on its way is left out: it
 * would be there twice.
 *
 * @param origin what else makes windows of the same time has another one
 */
export function* flowDocuments(window: TrafficWindow, content: ListContent, origin: string): Generator<string> {
  const all = content === "windows" ? window.rows : window.samples;
  for (const [index, one] of all.entries()) {
    if (!one.isCounted) continue;
    const id = `${origin}-${window.start}-${index}`;
    yield JSON.stringify("at" in one ? sampleDocument(id, one) : windowDocument(id, window, one));
  }
}

function windowDocument(id: string, { start, seconds }: TrafficWindow, row: WindowRow): object {
  const { packets, bytes, samples, exactSamples } = row;
  return {
    "@timestamp": new Date(start).toISOString(),
    id,
    kind: "window",
    seconds,
    ...dimensionsOf(row, row.servicePort),
    packets,
    bytes,
    samples,
    exactSamples,
  };
}

function sampleDocument(id: string, sample: TrafficSample): object {
  const { at, bytes, rate, sourcePort, destinationPort, tcpFlags } = sample;
  return {
    "@timestamp": new Date(at).toISOString(),
    id,
    kind: "sample",
    ...dimensionsOf(sample, withServicePort(sample).servicePort),
    sourcePort,
    destinationPort,
    tcpFlags,
    bytes,
    rate,
  };
}

/** In the words of docs/flows.md; what is absent JSON leaves out. */
function dimensionsOf(one: TrafficDimensions, service: number | undefined): object {
  return {
    exporter: one.exporter.agent,
    exporterNode: one.node,
    direction: one.direction,
    attributed: one.isAttributed,
    protocol: one.protocol === undefined ? undefined : protocolName(one.protocol),
    service: service === 0 ? undefined : service,
    vlan: one.vlan,
    vni: one.vni,
    verdict: one.verdict,
    source: endOf(one.source),
    destination: endOf(one.destination),
  };
}

function endOf(end: TrafficEnd): object {
  switch (end.kind) {
    case "endpoint": {
      const { groups, ...rest } = end;
      return { ...rest, group: groups.length === 0 ? undefined : groups };
    }
    case "outside":
      return end;
    case "unknown":
      return end;
  }
}
