import { type CsvCell, csvLine } from "@holdfast/core";
import type { FlowSample, FlowSampleDecision, FlowSeries, TopFlows } from "./flow-answer.ts";

/** A line per group, then the others and the total; estimates with their samples and errors. */
export function topCsv({ by, groups, other, total, totalBefore }: TopFlows): string {
  const compared = totalBefore !== undefined;
  const title = [
    "row",
    ...by,
    "bytes",
    "packets",
    "samples",
    "errorPercent",
    "percent",
    ...(compared ? ["bytesBefore", "packetsBefore"] : []),
  ];
  const empty = by.map(() => null);
  const line = (row: string, key: readonly CsvCell[], { traffic, percent, before }: Told): readonly CsvCell[] => [
    row,
    ...key,
    traffic.bytes,
    traffic.packets,
    traffic.samples,
    traffic.errorPercent,
    percent,
    ...(compared ? [before?.bytes, before?.packets] : []),
  ];
  return csv([
    title,
    ...groups.map((group) =>
      line(
        "group",
        by.map((name) => group.key[name]),
        group,
      ),
    ),
    line("other", empty, other),
    line("total", empty, { traffic: total, percent: 100, before: totalBefore }),
  ]);
}

type Told = Pick<TopFlows["other"], "traffic" | "percent" | "before">;

/** A line per point of each line; rates per second. */
export function seriesCsv({ by, times, groups, other, total, measure }: FlowSeries): string {
  const empty = by.map(() => null);
  const points = (row: string, key: readonly CsvCell[], rates: readonly number[]): readonly CsvCell[][] =>
    times.map((time, index) => [time, row, ...key, rates[index]]);
  return csv([
    ["time", "row", ...by, `${measure}PerSecond`],
    ...groups.flatMap(({ key, rates }) =>
      points(
        "group",
        by.map((name) => key[name]),
        rates,
      ),
    ),
    ...points("other", empty, other.rates),
    ...points("total", empty, total.rates),
  ]);
}

const END_COLUMNS = ["endpoint", "identity", "tenant", "network", "node", "prefix", "address", "port"] as const;
const PACKET_COLUMNS = [
  "protocol",
  "service",
  "tcpFlags",
  "verdict",
  "exporter",
  "vlan",
  "vni",
  "attributed",
  "bytes",
  "rate",
] as const;

/** @param options.judged a column more, for what policies have made of each */
export function samplesCsv(
  items: readonly FlowSample[],
  { judged = false }: { readonly judged?: boolean } = {},
): string {
  return csv([
    [
      "at",
      ...["source", "destination"].flatMap((end) => END_COLUMNS.map((name) => `${end}.${name}`)),
      ...PACKET_COLUMNS,
      ...(judged ? ["decision"] : []),
    ],
    ...items.map((item) => [
      item.at,
      ...[item.source, item.destination].flatMap((end) => END_COLUMNS.map((name) => end[name])),
      ...PACKET_COLUMNS.map((name) => item[name]),
      ...(judged ? [item.decision && flowDecisionText(item.decision)] : []),
    ]),
  ]);
}

/** E.g. `"denied by blocked of shop/db"`, `"denied by shop/db: no rule allows it"`, `"allowed by out of shop/web, api of shop/db"`. */
export function flowDecisionText({ verdict, by }: FlowSampleDecision): string {
  const named = by.map(({ tenant, policy, rule }) => {
    const whole = `${tenant}/${policy}`;
    return rule === undefined ? `${whole}: no rule allows it` : `${rule} of ${whole}`;
  });
  return `${verdict} by ${named.join(", ")}`;
}

function csv(lines: readonly (readonly CsvCell[])[]): string {
  return lines.map(csvLine).join("");
}
