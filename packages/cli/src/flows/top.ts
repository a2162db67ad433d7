import { type FlowGroup, routes, type TopFlows, topCsv } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandOptions, flag, text } from "../define-command.ts";
import { printObject } from "../output/print.ts";
import { type Column, formatTable } from "../output/table.ts";
import { filterOf, rangeOf } from "./ask.ts";
import { bytesText, changeText, countText, errorMargin, percentText, rateText } from "./figures.ts";
import { keyText } from "./key-text.ts";

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

interface Row {
  readonly key: FlowGroup["key"] | string;
  readonly told: TopFlows["other"] | FlowGroup;
}

function topText(answer: TopFlows): string {
  const { groups, other, total, totalBefore, by, unattributedPercent } = answer;
  if (total.samples === 0 && groups.length === 0)
    return `no such traffic ${spanText(answer)}${unnamedText(unattributedPercent)}\n`;
  const rows: Row[] = groups.map((told) => ({ key: told.key, told }));
  if (other.groups > 0) rows.push({ key: `(${other.groups} others)`, told: other });
  const all = {
    traffic: total,
    percent: 100,
    groups: 0,
    ...(totalBefore === undefined ? {} : { before: totalBefore }),
  };
  rows.push({ key: "(total)", told: all });
  return `${formatTable(columnsOf(by, answer), rows)}${spanText(answer)}${unnamedText(unattributedPercent)}\n`;
}

function columnsOf(by: readonly string[], { measure, seconds, totalBefore }: TopFlows): readonly Column<Row>[] {
  const names = by.length === 0 ? ["traffic"] : by;
  const keys = names.map((name, index) => ({
    title: name.toUpperCase(),
    text: ({ key }: Row) => (typeof key === "string" ? (index === 0 ? key : " ") : keyText(key, name)),
  }));
  const compared: readonly Column<Row>[] =
    totalBefore === undefined
      ? []
      : [
          { title: "BEFORE", text: ({ told }) => rateText(told.before?.[measure] ?? 0, seconds, measure) },
          { title: "CHANGE", text: ({ told }) => changeText(told.traffic[measure], told.before?.[measure] ?? 0) },
        ];
  return [
    ...keys,
    { title: "RATE", text: ({ told }) => rateText(told.traffic[measure], seconds, measure) },
    { title: "BYTES", text: ({ told }) => bytesText(told.traffic.bytes) },
    { title: "PACKETS", text: ({ told }) => countText(told.traffic.packets) },
    { title: "ERROR", text: ({ told }) => errorMargin(told.traffic) },
    { title: "SHARE", text: ({ told }) => percentText(told.percent) },
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
