import { type FlowSeries, routes, seriesCsv } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandOptions, text } from "../define-command.ts";
import { printObject } from "../output/print.ts";
import { type Column, formatTable } from "../output/table.ts";
import { rateText } from "./figures.ts";
import { type GroupRow, groupRows } from "./group-rows.ts";
import { keyLine } from "./key-text.ts";
import { commonQuery, spanText, unnamedText } from "./top.ts";

/** Rates over time, a line each. */
export async function showSeries(context: Context, words: readonly string[], options: CommandOptions): Promise<void> {
  const { client, call, io, output, exportFormat } = context;
  const query = { ...commonQuery(context, words, options), step: text(options, "step") };
  const answer = await client.call(routes.flowSeries, { query }, call);
  if (exportFormat === "csv") io.out(seriesCsv(answer));
  else printObject(io, output, answer, seriesText(answer));
}

type Line = GroupRow<Pick<FlowSeries["total"], "rates">>;

function seriesText(answer: FlowSeries): string {
  const { total, by, step, measure, unattributedPercent } = answer;
  const rate = (value: number): string => rateText(value, 1, measure);
  const columns: readonly Column<Line>[] = [
    {
      title: by.length === 0 ? "TRAFFIC" : by.map((name) => name.toUpperCase()).join(" / "),
      text: ({ key }) => (typeof key === "string" ? key : keyLine(key, by)),
    },
    { title: "OVER TIME", text: ({ rates }) => bars(rates) },
    { title: "LAST", text: ({ rates }) => rate(rates.at(-1) ?? 0) },
    { title: "MEAN", text: ({ rates }) => rate(rates.reduce((sum, one) => sum + one, 0) / Math.max(1, rates.length)) },
    { title: "MOST", text: ({ rates }) => rate(Math.max(0, ...rates)) },
  ];
  return `${formatTable(columns, groupRows(answer, total))}${spanText(answer)}, ${step}s each${unnamedText(unattributedPercent)}\n`;
}

const BARS = "▁▂▃▄▅▆▇█";

/** As high as the highest of its own line; a dot for nothing. */
function bars(rates: readonly number[]): string {
  const most = Math.max(...rates);
  return rates.map((rate) => (rate === 0 ? "." : (BARS[Math.min(7, Math.floor((rate / most) * 8))] ?? "█"))).join("");
}
