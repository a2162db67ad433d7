import { type FlowDrops, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandOptions, text } from "../define-command.ts";
import { printObject } from "../output/print.ts";
import { type Column, formatTable } from "../output/table.ts";
import { rangeOf } from "./ask.ts";
import { bytesText, countText, rateText } from "./figures.ts";
import { keyText } from "./key-text.ts";
import { spanText } from "./top.ts";

/** What rules and guards have dropped. */
export async function showDrops(context: Context, policy: string | undefined, options: CommandOptions): Promise<void> {
  const { client, call, io, output, namedTenant: tenant } = context;
  const said = { by: text(options, "by"), limit: text(options, "limit"), step: text(options, "step") };
  const query = { ...rangeOf(context, options), tenant, policy, node: text(options, "node"), ...said };
  const answer = await client.call(routes.flowDrops, { query }, call);
  printObject(io, output, answer, dropsText(answer));
}

interface Row {
  readonly key: FlowDrops["groups"][number]["key"] | string;
  readonly packets: number;
  readonly bytes: number;
}

function dropsText(answer: FlowDrops): string {
  const { groups, other, total, by, seconds } = answer;
  if (total.packets === 0) return `nothing was dropped ${spanText(answer)}\n`;
  const rows: Row[] = [...groups];
  if (other.groups > 0) rows.push({ ...other, key: `(${other.groups} others)` });
  rows.push({ ...total, key: "(total)" });
  const names = by.length === 0 ? ["drops"] : by;
  const columns: readonly Column<Row>[] = [
    ...names.map((name, index) => ({
      title: name.toUpperCase(),
      text: ({ key }: Row) => (typeof key === "string" ? (index === 0 ? key : " ") : keyText(key, name)),
    })),
    { title: "PACKETS", text: ({ packets }) => countText(packets) },
    { title: "RATE", text: ({ packets }) => rateText(packets, seconds, "packets") },
    { title: "BYTES", text: ({ bytes }) => bytesText(bytes) },
  ];
  return `${formatTable(columns, rows)}${spanText(answer)}; counted, not estimated\n`;
}
