import type { PortCounters } from "../counters/port-counters.ts";
import { quoted } from "./endpoint-traffic.ts";
import type { Family } from "./metrics.ts";

const FIGURES = [
  ["bytes", "Bytes that switches counted at containers' ports, as these see them."],
  ["packets", "Packets that switches counted at containers' ports, as these see them."],
  ["drops", "Packets that containers' ports threw away."],
  ["errors", "Packets with errors at containers' ports."],
] as const;

/** What is counted of containers, for Prometheus: exact, where `endpoint_bytes` and its like are estimates. */
export function portFamilies(ports: Pick<PortCounters, "identities">, most: number): readonly Family[] {
  if (most === 0) return [];
  const identities = [...ports.identities(most).values()];
  return FIGURES.map(([what, help]) => ({
    name: `holdfast_collector_endpoint_counted_${what}_total`,
    help,
    type: "counter",
    values: identities.flatMap(({ end, egress, ingress }) => {
      const labels = `tenant=${quoted(end.tenant)},network=${quoted(end.network)},identity=${quoted(end.identity)}`;
      const told = [["egress", egress[what]] as const, ["ingress", ingress[what]] as const];
      return told.flatMap(([direction, value]) =>
        value === undefined ? [] : [[`${labels},direction="${direction}"`, value] as const],
      );
    }),
  }));
}
