import type { CountedPort } from "../counters/counted.ts";
import type { Dropped } from "../drops/dropped.ts";
import { withServicePort } from "../query/sample-values.ts";
import { floorTo, SPANS } from "../store/partitions.ts";
import type { TrafficDimensions, TrafficSample, TrafficWindow } from "../windows/traffic.ts";
import { countCells } from "./count-sql.ts";
import type { Cell } from "./database.ts";
import { dropCells } from "./drop-sql.ts";
import type { EndNumbers } from "./ends.ts";
import { type ColumnTypes, TABLES } from "./schema.ts";

/** Columns of rows, in the order of the table. */
export type Columns = readonly (readonly Cell[])[];

/** A window's counted rows. Others would tell the same packets twice. */
export function rowColumns(window: TrafficWindow, ends: EndNumbers): Columns {
  const seconds = Math.floor(window.start / 1000);
  const day = floorTo(seconds, SPANS.ends);
  const columns = emptyColumns(TABLES.fine);
  for (const row of window.rows) {
    if (!row.isCounted) continue;
    const { servicePort, packets, bytes, samples, exactSamples } = row;
    push(columns, [seconds, ...dimensionCells(row, servicePort, ends, day), packets, bytes, samples, exactSamples]);
  }
  return columns;
}

/** @param start of their window, whose day's ends they use */
export function sampleColumns(samples: readonly TrafficSample[], start: number, ends: EndNumbers): Columns {
  const day = floorTo(Math.floor(start / 1000), SPANS.ends);
  const columns = emptyColumns(TABLES.samples);
  for (const sample of samples) {
    const { at, sourcePort = null, destinationPort = null, tcpFlags = null, bytes, rate } = sample;
    const { servicePort } = withServicePort(sample);
    const dimensions = dimensionCells(sample, servicePort, ends, day);
    push(columns, [at, ...dimensions, sourcePort, destinationPort, tcpFlags, bytes, rate]);
  }
  return columns;
}

export function countColumns(counts: readonly CountedPort[]): Columns {
  const columns = emptyColumns(TABLES.counts);
  for (const counted of counts) push(columns, countCells(counted));
  return columns;
}

export function dropColumns(drops: readonly Dropped[]): Columns {
  const columns = emptyColumns(TABLES.drops);
  for (const dropped of drops) push(columns, dropCells(dropped));
  return columns;
}

export function endColumns(ends: EndNumbers): Columns {
  const columns = emptyColumns(TABLES.ends);
  for (const { id, endpoint, tenant, network, identity, groups, node, prefix, address, bits } of ends.added) {
    const names = groups.length === 0 ? null : groups.join(",");
    push(columns, [id, endpoint, tenant, network, identity, names, node, prefix, address, bits]);
  }
  return columns;
}

/** In the order of the tables. */
function dimensionCells(
  row: TrafficDimensions,
  servicePort: number | undefined,
  ends: EndNumbers,
  day: number,
): readonly Cell[] {
  return [
    ends.numberOf(row.source, day),
    ends.numberOf(row.destination, day),
    ends.numberOfAgent(row.exporter.agent, day),
    row.protocol ?? null,
    servicePort || null,
    row.verdict === undefined ? null : VERDICTS.indexOf(row.verdict),
    row.vlan ?? null,
    row.vni ?? null,
    row.isAttributed,
  ];
}

const VERDICTS = ["allowed", "denied"] as const;

function emptyColumns(types: ColumnTypes): Cell[][] {
  return Object.keys(types).map(() => []);
}

function push(columns: readonly Cell[][], cells: readonly Cell[]): void {
  for (const [index, cell] of cells.entries()) columns[index]?.push(cell);
}
