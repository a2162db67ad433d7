import { type FlowSeries, routes, seriesCsv } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandOptions, text } from "../define-command.ts";
import { printObject } from "../output/print.ts";
import { type Column, formatTable } from "../output/table.ts";
import { rateText } from "./figures.ts";
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

interface Line {
  readonly name: string;
  readonly rates: readonly number[];
}

function seriesText(answer: FlowSeries): string {
  const { groups, other, total, by, step, measure, unattributedPercent } = answer;
  const lines: Line[] = groups.map(({ key, rates }) => ({ name: keyLine(key, by), rates }));
  if (other.groups > 0) lines.push({ name: `(${other.groups} others)`, rates: other.rates });
  lines.push({ name: "(total)", rates: total.rates });
  const rate = (value: number): string => rateText(value, 1, measure);
  const columns: readonly Column<Line>[] = [
    { title: by.length === 0 ? "TRAFFIC" : by.map((name) => name.toUpperCase()).join(" / "), text: ({ name }) => name },
    { title: "OVER TIME", text: ({ rates }) => bars(rates) },
    { title: "LAST", text: ({ rates }) => rate(rates.at(-1) ?? 0) },
    { title: "MEAN", text: ({ rates }) => rate(rates.reduce((sum, one) => sum + one, 0) / Math.max(1, rates.length)) },
    { title: "MOST", text: ({ rates }) => rate(Math.max(0, ...rates)) },
  ];
  return `${formatTable(columns, lines)}${spanText(answer)}, ${step}s each${unnamedText(unattributedPercent)}\n`;
}

const BARS = "▁▂▃▄▅▆▇█";

/** As high as the highest of its own line; a dot for nothing. */
function bars(rates: readonly number[]): string {
  const most = Math.max(...rates);
  return rates.map((rate) => (rate === 0 ? "." : (BARS[Math.min(7, Math.floor((rate / most) * 8))] ?? "█"))).join("");
}
