import { type FlowGroup, routes, type TopFlows, topCsv } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandOptions, flag, text } from "../define-command.ts";
import { printObject } from "../output/print.ts";
import { type Column, formatTable } from "../output/table.ts";
import { filterOf, rangeOf } from "./ask.ts";
import { bytesText, changeText, countText, errorMargin, percentText, rateText } from "./figures.ts";
import { type GroupRow, groupRows, keyColumns } from "./group-rows.ts";

/** Who has the most. */
export async function showTop(context: Context, words: readonly string[], options: CommandOptions): Promise<void> {
  const { client, call } = context;
  const query = {
    ...commonQuery(context, words, options),
    compare: flag(options, "compare") === true ? ("true" as const) : ("false" as const),
  };
  printTop(context, await client.call(routes.topFlows, { query }, call));
}

/** Who talks to whom. */
export async function showMatrix(context: Context, words: readonly string[], options: CommandOptions): Promise<void> {
  const { client, call } = context;
  const query = commonQuery(context, words, options);
  printTop(context, await client.call(routes.flowMatrix, { query }, call));
}

export function commonQuery(context: Context, words: readonly string[], options: CommandOptions) {
  return {
    tenant: context.namedTenant,
    filter: filterOf(words),
    ...rangeOf(context, options),
    by: text(options, "by"),
    // The server names the ones that there are.
    measure: text(options, "measure") as "bytes" | "packets" | undefined,
    limit: text(options, "limit"),
  };
}

function printTop({ io, output, exportFormat }: Context, answer: TopFlows): void {
  if (exportFormat === "csv") io.out(topCsv(answer));
  else printObject(io, output, answer, topText(answer));
}

type Share = Pick<FlowGroup, "traffic" | "percent" | "before">;

function topText(answer: TopFlows): string {
  const { groups, total, totalBefore, by, unattributedPercent } = answer;
  if (total.samples === 0 && groups.length === 0)
    return `no such traffic ${spanText(answer)}${unnamedText(unattributedPercent)}\n`;
  const all = { traffic: total, percent: 100, ...(totalBefore === undefined ? {} : { before: totalBefore }) };
  const rows = groupRows<Share>(answer, all);
  return `${formatTable(columnsOf(by, answer), rows)}${spanText(answer)}${unnamedText(unattributedPercent)}\n`;
}

function columnsOf(
  by: readonly string[],
  { measure, seconds, totalBefore }: TopFlows,
): readonly Column<GroupRow<Share>>[] {
  const compared: readonly Column<GroupRow<Share>>[] =
    totalBefore === undefined
      ? []
      : [
          { title: "BEFORE", text: ({ before }) => rateText(before?.[measure] ?? 0, seconds, measure) },
          { title: "CHANGE", text: ({ traffic, before }) => changeText(traffic[measure], before?.[measure] ?? 0) },
        ];
  return [
    ...keyColumns(by, "traffic"),
    { title: "RATE", text: ({ traffic }) => rateText(traffic[measure], seconds, measure) },
    { title: "BYTES", text: ({ traffic }) => bytesText(traffic.bytes) },
    { title: "PACKETS", text: ({ traffic }) => countText(traffic.packets) },
    { title: "ERROR", text: ({ traffic }) => errorMargin(traffic) },
    { title: "SHARE", text: ({ percent }) => percentText(percent) },
    ...compared,
  ];
}

/** `"10:05:10 to 10:20:10"`, in UTC. */
export function spanText({ from, to }: { readonly from: string; readonly to: string }): string {
  const day = from.slice(0, 10) === to.slice(0, 10) ? "" : `${to.slice(0, 10)} `;
  return `${from.slice(0, 10)} ${from.slice(11, 19)} to ${day}${to.slice(11, 19)} UTC`;
}

export function unnamedText(percent: number | undefined): string {
  return percent === undefined
    ? "; there was no traffic at all"
    : `; ${percentText(percent)} of all bytes have no name`;
}
