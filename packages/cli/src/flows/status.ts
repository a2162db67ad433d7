import { createClient } from "@holdfast/client";
import { formatDuration } from "@holdfast/core";
import { collectorRoutes, type FlowExporter, type FlowStatus } from "@holdfast/model";
import type { Context } from "../context.ts";
import { printObject } from "../output/print.ts";
import { type Column, formatDetails, formatTable } from "../output/table.ts";
import { grouped } from "./figures.ts";
import { flowListText, streamLines } from "./stream-text.ts";

export const DEFAULT_COLLECTOR = "http://127.0.0.1:4655";

/** Asks a collector how it does; `url` undefined: as the environment says, else the one of this machine. */
export async function showFlowStatus({ io, output, call }: Context, url: string | undefined): Promise<void> {
  const server = url ?? io.environment.HOLDFAST_COLLECTOR ?? DEFAULT_COLLECTOR;
  const client = createClient({ fetch: io.fetch }, { server });
  const status = await client.call(collectorRoutes.flowStatus, {}, call);
  printObject(io, output, status, statusText(status, io.now()));
}

function statusText(status: FlowStatus, now: Date): string {
  return `${formatDetails([
    ["running for", formatDuration(now.getTime() - Date.parse(status.startedAt))],
    ["last window", windowText(status.window)],
    ["taken", `${grouped(status.taken.datagrams)} datagrams, ${grouped(status.taken.samples)} samples`],
    ["lost", listText(lossesOf(status), "nothing")],
    ["refused", listText(Object.entries(status.refused), "nothing")],
    ["without a name", shareText(status)],
    ["inventory", inventoryText(status, now)],
    ...(status.stream === undefined ? [] : streamLines(status.stream, now)),
    ...(status.list === undefined ? [] : [["list", flowListText(status.list)] as const]),
    ["store", `${status.store.kind}: ${status.store.description}`],
  ])}\n${exportersText(status)}`;
}

function windowText(window: FlowStatus["window"]): string {
  if (window === undefined) return "none is over yet";
  const rates = `${grouped(window.datagramsPerSecond)} datagrams/s, ${grouped(window.samplesPerSecond)} samples/s`;
  return `${window.start.slice(11, 19)}, ${window.seconds}s: ${rates}, ${grouped(window.rows)} rows`;
}

function lossesOf({ lost }: FlowStatus): [string, number][] {
  const why = lost.storeError === undefined ? "" : ` (${lost.storeError})`;
  return [
    ["datagrams in the kernel", lost.kernel],
    ["datagrams missing by their exporters' count", lost.missing],
    ["datagrams between receiver and worker", lost.stream ?? 0],
    ["samples beyond what is told apart", lost.leftOut],
    ["datagrams read early", lost.early],
    [`rows that the store did not take${why}`, lost.store],
  ];
}

function listText(counts: readonly (readonly [what: string, count: number])[], nothing: string): string {
  const parts = counts.filter(([, count]) => count > 0).map(([what, count]) => `${grouped(count)} ${what}`);
  return parts.join(", ") || nothing;
}

function shareText({ window, share }: FlowStatus): string {
  const percent = (one: FlowStatus["share"] | undefined): string =>
    one?.unattributedPercent === undefined ? "nothing" : `${one.unattributedPercent.toFixed(1)} %`;
  if (share.bytes === 0) return "nothing: there was no traffic";
  return `${percent(share)} of all bytes, ${percent(window?.share)} of the last window's`;
}

function inventoryText({ inventory }: FlowStatus, now: Date): string {
  const age = formatDuration(now.getTime() - Date.parse(inventory.since));
  const has = `${grouped(inventory.endpoints)} endpoints on ${grouped(inventory.nodes)} nodes`;
  switch (inventory.state) {
    case "off":
      return "off: nobody said which controller knows the names";
    case "loading":
      return `loading for ${age}${inventory.error === undefined ? "" : `: ${inventory.error}`}`;
    case "in-step":
      return `in step for ${age}, ${has}`;
    case "behind":
      return `behind for ${age}, ${has}: ${inventory.error ?? "the controller is not reached"}`;
  }
}

const exporterColumns: readonly Column<FlowExporter>[] = [
  { title: "AGENT", text: ({ agent }) => agent },
  { title: "SUB", text: ({ subAgent }) => String(subAgent) },
  { title: "NODE", text: ({ node }) => node ?? "" },
  { title: "STATE", text: ({ state }) => state },
  { title: "RATE", text: ({ samplingRates }) => samplingRates.map((rate) => `1:${rate}`).join(",") },
  { title: "DATAGRAMS", text: ({ received }) => grouped(received) },
  { title: "LOST", text: ({ lost }) => grouped(lost) },
  { title: "SAMPLES LOST", text: ({ samplesLost }) => grouped(samplesLost) },
  { title: "RESTARTS", text: ({ restarts }) => grouped(restarts) },
];

function exportersText({ exporters, exporterCount }: FlowStatus): string {
  if (exporterCount === 0) return "no exporter was heard of; nodes export where controller --sflow-targets says\n";
  const more = exporterCount - exporters.length;
  return `${formatTable(exporterColumns, exporters)}${more > 0 ? `and ${grouped(more)} more\n` : ""}`;
}
