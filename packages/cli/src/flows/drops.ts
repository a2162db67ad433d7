import { type FlowDrops, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandOptions, text } from "../define-command.ts";
import { printObject } from "../output/print.ts";
import { type Column, formatTable } from "../output/table.ts";
import { rangeOf } from "./ask.ts";
import { bytesText, countText, rateText } from "./figures.ts";
import { type GroupRow, groupRows, keyColumns } from "./group-rows.ts";
import { spanText } from "./top.ts";

/** What rules and guards have dropped. */
export async function showDrops(context: Context, policy: string | undefined, options: CommandOptions): Promise<void> {
  const { client, call, io, output, namedTenant: tenant } = context;
  const said = { by: text(options, "by"), limit: text(options, "limit"), step: text(options, "step") };
  const query = { ...rangeOf(context, options), tenant, policy, node: text(options, "node"), ...said };
  const answer = await client.call(routes.flowDrops, { query }, call);
  printObject(io, output, answer, dropsText(answer));
}

type Row = GroupRow<Pick<FlowDrops["total"], "packets" | "bytes">>;

function dropsText(answer: FlowDrops): string {
  const { total, by, seconds } = answer;
  if (total.packets === 0) return `nothing was dropped ${spanText(answer)}\n`;
  const columns: readonly Column<Row>[] = [
    ...keyColumns(by, "drops"),
    { title: "PACKETS", text: ({ packets }) => countText(packets) },
    { title: "RATE", text: ({ packets }) => rateText(packets, seconds, "packets") },
    { title: "BYTES", text: ({ bytes }) => bytesText(bytes) },
  ];
  return `${formatTable(columns, groupRows(answer, total))}${spanText(answer)}; counted, not estimated\n`;
}
