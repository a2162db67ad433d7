import type { RecordFields } from "../describe/record.ts";
import { counterLayouts } from "../records/counter-layouts.ts";
import { signedDistance } from "./sequence.ts";

/** How much counters grew between two samples of a source. */
export interface CounterDelta {
  /** Between the two samples, by the exporter's own clock. */
  readonly milliseconds: number;
  /** By field. Absent: no counter, or unknown in one of the two. */
  readonly fields: Readonly<Record<string, number>>;
}

/** Follows one record format of one source, e.g. the interface counters of one interface. */
export interface CounterTracker {
  /**
   * Takes the next record in the order of arrival. Undefined when there is nothing to compare it with: it is the first one, it came before, or
   * exporter or interface began anew; the next one is compared with it.
   */
  observe(sample: CounterNumbers): CounterDelta | undefined;
}

export interface CounterNumbers {
  /** Of the counter sample. */
  readonly sequence: number;
  /** Of the datagram. */
  readonly uptimeMs: number;
  readonly fields: RecordFields;
}

/** Fields that count, and how many bits they have; gauges do not. */
type Counters = ReadonlyMap<string, 32 | 64>;

/**
 * @param record the specification's name of its format, e.g. `"if_counters"`
 * @throws TypeError when there is no such format of counters
 */
export function createCounterTracker(record: string): CounterTracker {
  const counters = countersOf(record);
  let last: CounterNumbers | undefined;
  return {
    observe(sample) {
      const before = last;
      const order = before === undefined ? "after" : orderOf(before, sample);
      // What was overtaken says nothing that the newer one did not say.
      if (order !== "before") last = sample;
      return before === undefined || order !== "after" ? undefined : deltaOf(counters, before, sample);
    },
  };
}

function countersOf(record: string): Counters {
  const layout = counterLayouts.find(({ name }) => name === record);
  if (layout === undefined) throw new TypeError(`bug: no counters are named ${record}`);
  return new Map(
    layout.fields.flatMap(({ name, type }): [string, 32 | 64][] => {
      if (type === "c32") return [[name, 32]];
      return type === "c64" ? [[name, 64]] : [];
    }),
  );
}

/** Back in time by more than a network holds back, exporters began anew. */
const OVERTAKEN_MS = 5000;

function orderOf(before: CounterNumbers, sample: CounterNumbers): "after" | "before" | "anew" {
  const passed = signedDistance(before.uptimeMs, sample.uptimeMs);
  if (passed < -OVERTAKEN_MS) return "anew";
  const distance = signedDistance(before.sequence, sample.sequence);
  if (distance > 0 && passed >= 0) return "after";
  // Numbers that go back while the clock goes on: counters have to be compared anew (sFlow version 5, counters_sample).
  return distance < 0 && passed > OVERTAKEN_MS ? "anew" : "before";
}

/** Undefined when a counter went back: the interface is another one by the same number, or its driver began anew. */
function deltaOf(counters: Counters, before: CounterNumbers, sample: CounterNumbers): CounterDelta | undefined {
  const fields: Record<string, number> = {};
  for (const [name, bits] of counters) {
    const [from, to] = [before.fields[name], sample.fields[name]];
    if (from === null || to === null || from === undefined || to === undefined) continue;
    const grown =
      bits === 64 ? Number((to as bigint) - (from as bigint)) : signedDistance(from as number, to as number);
    if (grown < 0) return undefined;
    fields[name] = grown;
  }
  return { milliseconds: signedDistance(before.uptimeMs, sample.uptimeMs), fields };
}
