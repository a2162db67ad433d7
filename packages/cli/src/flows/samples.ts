import { protocolName } from "@holdfast/flow";
import { type FlowSample, flowDecisionText, routes, samplesCsv } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandOptions, flag, text } from "../define-command.ts";
import { printList } from "../output/print.ts";
import type { Column } from "../output/table.ts";
import { filterOf, rangeOf } from "./ask.ts";

/** Single packets. */
export async function showSamples(context: Context, words: readonly string[], options: CommandOptions): Promise<void> {
  const { client, call, io, output, exportFormat, namedTenant } = context;
  const judged = flag(options, "verdict") === true;
  const query = {
    tenant: namedTenant,
    filter: filterOf(words),
    ...rangeOf(context, options),
    limit: text(options, "limit"),
    ...(judged ? { verdict: "true" as const } : {}),
  };
  const { items } = await client.call(routes.flowSamples, { query }, call);
  if (exportFormat === "csv") io.out(samplesCsv(items, { judged }));
  else
    printList(io, output, items, {
      columns: COLUMNS,
      empty: "no such packet was sampled in that time; samples are kept for minutes",
    });
}

/** Packets as they are sampled, until it is interrupted. */
export async function tailFlows(context: Context, words: readonly string[]): Promise<void> {
  const { client, call, io, output, namedTenant } = context;
  const query = { tenant: namedTenant, filter: filterOf(words) };
  for await (const sample of client.stream(routes.tailFlows, { query }, call)) {
    io.out(output === "table" ? `${sampleLine(sample)}\n` : `${JSON.stringify(sample)}\n`);
  }
}

/** `"10:05:12.345  shop/api-1:40000 > shop/redis-0:6379  tcp  1,448 bytes  1:400"`. */
function sampleLine(sample: FlowSample): string {
  const { at, source, destination, bytes, verdict } = sample;
  const parts = [
    timeOf(at),
    `${endText(source)} > ${endText(destination)}`,
    protocolText(sample),
    `${bytes} bytes`,
    rateOf(sample),
  ];
  return [...parts, ...(verdict === undefined ? [] : [verdict])].filter(Boolean).join("  ");
}

const COLUMNS: readonly Column<FlowSample>[] = [
  { title: "AT", text: ({ at }) => timeOf(at) },
  { title: "SOURCE", text: ({ source }) => endText(source) },
  { title: "DESTINATION", text: ({ destination }) => endText(destination) },
  { title: "PROTOCOL", text: protocolText },
  { title: "BYTES", text: ({ bytes }) => String(bytes) },
  { title: "RATE", text: rateOf },
  { title: "VERDICT", text: verdictText },
];

function verdictText({ decision, verdict = "" }: FlowSample): string {
  return decision === undefined ? verdict : flowDecisionText(decision);
}

function timeOf(at: string): string {
  return at.slice(11, 23);
}

function rateOf({ rate }: FlowSample): string {
  return `1:${Math.round(rate)}`;
}

function protocolText({ protocol }: FlowSample): string {
  return protocol === undefined ? "" : protocolName(protocol);
}

/** `"shop/redis-0:6379"`; of what has no name, the address. */
function endText({ tenant, identity, prefix, address, port }: FlowSample["source"]): string {
  const place = address?.includes(":") === true ? `[${address}]` : (address ?? "unknown");
  const name =
    identity === undefined ? (prefix === undefined ? place : `${prefix}(${place})`) : `${tenant ?? ""}/${identity}`;
  return port === undefined ? name : `${name}:${port}`;
}
