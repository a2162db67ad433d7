import { counterLayouts } from "./counter-layouts.ts";
import { flowLayouts } from "./flow-layouts.ts";
import type { RecordLayout } from "./layout.ts";

/** Formats of the standard's own enterprise have 12 bits: a table of them is quicker than a map, and asked for every record. */
const STANDARD_FORMATS = 4096;

interface Registry {
  readonly layouts: ReadonlyMap<number, RecordLayout>;
  readonly standardLengths: Int16Array;
}

function registryOf(known: readonly RecordLayout[]): Registry {
  const standardLengths = new Int16Array(STANDARD_FORMATS).fill(-1);
  for (const { format, leastBytes } of known) if (format < STANDARD_FORMATS) standardLengths[format] = leastBytes;
  return { layouts: new Map(known.map((layout) => [layout.format, layout])), standardLengths };
}

const flow = registryOf(flowLayouts);
const counters = registryOf(counterLayouts);

/** The bytes that a record of this format has at least; -1: the format is unknown. */
export function flowRecordLength(format: number): number {
  return leastLength(flow, format);
}

/** The same for records of counter samples. */
export function counterRecordLength(format: number): number {
  return leastLength(counters, format);
}

function leastLength({ layouts, standardLengths }: Registry, format: number): number {
  if (format < STANDARD_FORMATS) return standardLengths[format] ?? -1;
  return layouts.get(format)?.leastBytes ?? -1;
}

/** Absent: unknown. */
export function flowLayout(format: number): RecordLayout | undefined {
  return flow.layouts.get(format);
}

/** Absent: unknown. */
export function counterLayout(format: number): RecordLayout | undefined {
  return counters.layouts.get(format);
}
