import { listAll } from "@holdfast/client";
import { type CountedAmounts, type FlowCounters, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { type CommandOptions, text } from "../define-command.ts";
import { printList } from "../output/print.ts";
import type { Column } from "../output/table.ts";
import { ageText } from "../output/words.ts";
import { rangeOf } from "./ask.ts";
import { bytesText, countText, rateText } from "./figures.ts";

const NOTHING_YET =
  "nothing is counted yet: switches tell their counters every 30 s or so, and two are needed to compare";

/** What switches have counted at ports: since they were first heard of, or in a time. */
export async function showCounters(context: Context, identity: string | undefined, options: CommandOptions) {
  const { client, call, io, output, namedTenant: tenant } = context;
  const range = rangeOf(context, options);
  const isOfTime = Object.values(range).some((moment) => moment !== undefined);
  const scope = { tenant, identity, network: text(options, "network"), node: text(options, "node") };
  const items = await Array.fromAsync(listAll(client, routes.flowCounters, { query: { ...scope, ...range } }, call));
  printList(io, output, items, {
    empty: isOfTime ? "nothing was counted in that time" : NOTHING_YET,
    columns: columns(isOfTime ? undefined : io.now()),
  });
}

/** @param now absent: what is shown is over */
function columns(now: Date | undefined): readonly Column<FlowCounters>[] {
  const amount = (way: "egress" | "ingress", what: keyof CountedAmounts, textOf: (value: number) => string) => ({
    title: `${way === "egress" ? "OUT" : "IN"} ${what.toUpperCase()}`,
    text: (row: FlowCounters) => {
      const value = row[way][what];
      return value === undefined ? "" : textOf(value);
    },
  });
  const rate = (way: "egress" | "ingress") => ({
    ...amount(way, "bitRate", (bits) => rateText(bits / 8, 1, "bytes")),
    title: way === "egress" ? "OUT RATE" : "IN RATE",
  });
  const side = (way: "egress" | "ingress") => [
    rate(way),
    amount(way, "bytes", bytesText),
    amount(way, "packets", countText),
    amount(way, "drops", countText),
    amount(way, "errors", countText),
  ];
  return [
    { title: "TENANT", text: ({ tenant }) => tenant ?? "" },
    { title: "IDENTITY", text: ({ identity }) => identity ?? "" },
    { title: "NODE", text: ({ node }) => node ?? "" },
    { title: "PORT", text: ({ port }) => port ?? "" },
    ...side("egress"),
    ...side("ingress"),
    { title: "FOR", text: ({ since, until }) => ageText(since, now ?? new Date(until)) },
  ];
}
