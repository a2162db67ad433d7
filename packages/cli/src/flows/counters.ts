import { listAll } from "@holdfast/client";
import { type CountedAmounts, type FlowCounters, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import { printList } from "../output/print.ts";
import type { Column } from "../output/table.ts";
import { ageText } from "../output/words.ts";
import { bytesText, countText, rateText } from "./figures.ts";

/** What switches have counted at ports. */
export async function showCounters(
  { client, call, io, output, namedTenant: tenant }: Context,
  query: {
    readonly identity: string | undefined;
    readonly network: string | undefined;
    readonly node: string | undefined;
  },
): Promise<void> {
  const items = await Array.fromAsync(listAll(client, routes.flowCounters, { query: { tenant, ...query } }, call));
  printList(io, output, items, {
    empty: "nothing is counted yet: switches tell their counters every 30 s or so, and two are needed to compare",
    columns: columns(io.now()),
  });
}

function columns(now: Date): readonly Column<FlowCounters>[] {
  const amount = (way: "egress" | "ingress", what: keyof CountedAmounts, text: (value: number) => string) => ({
    title: `${way === "egress" ? "OUT" : "IN"} ${what.toUpperCase()}`,
    text: (row: FlowCounters) => {
      const value = row[way][what];
      return value === undefined ? "" : text(value);
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
    { title: "FOR", text: ({ since }) => ageText(since, now) },
  ];
}
