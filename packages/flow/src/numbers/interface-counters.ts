import { definedFields } from "@holdfast/core";
import { addressOf } from "../describe/packet.ts";
import { type RecordFields, readFields } from "../describe/record.ts";
import { counterLayouts } from "../records/counter-layouts.ts";
import type { RecordLayout } from "../records/layout.ts";
import type { Datagram } from "../sflow/datagram.ts";
import {
  COUNTER_SAMPLE,
  HEAD_AGENT,
  HEAD_FAMILY,
  HEAD_UPTIME,
  RECORD_AT,
  RECORD_FORMAT,
  RECORD_LENGTH,
  RECORD_WORDS,
  SAMPLE_FIRST_RECORD,
  SAMPLE_KIND,
  SAMPLE_RECORDS,
  SAMPLE_SEQUENCE,
  SAMPLE_WORDS,
} from "../sflow/words.ts";
import { type CounterDelta, type CounterTracker, createCounterTracker } from "./counters.ts";

/** How much the counters of one interface of an exporter grew between two samples of them, or several: exact, as the switch counts. */
export interface InterfaceGrowth {
  /** Address by which the exporter calls itself. */
  readonly agent: string;
  readonly ifIndex: number;
  /** E.g. `"hfp1000"`. Absent: not told. */
  readonly name?: string;
  /** Whose port it is, by the number that an attribution knows. Absent: not known. */
  readonly owner?: number;
  /** When the last sample was received, in milliseconds since 1970. */
  readonly at: number;
  /** From the first to the last, by the exporter's own clock. */
  readonly milliseconds: number;
  /** What came in by the interface: what a container has sent, if it is its port. */
  readonly received: InterfaceAmounts;
  readonly sent: InterfaceAmounts;
}

/** Absent: the exporter does not tell. */
export interface InterfaceAmounts {
  readonly bytes?: number;
  readonly packets?: number;
  /** Packets that the interface threw away. */
  readonly drops?: number;
  readonly errors?: number;
}

/** Follows the interface counters of many exporters. */
export interface InterfaceCounters {
  /** Takes a datagram as a decoder read it, which was received at a time. */
  take(datagram: Datagram, at: number): void;
  /** What has grown since the last call: of each interface and owner once, however many samples came. */
  drain(): InterfaceGrowth[];
}

const IF_COUNTERS = 1;
const PORT_NAME = 1005;
const MOST_INTERFACES = 100_000;
const LONGEST_NAME = 64;

/**
 * The first sample of an interface has nothing to be compared with, nor has the first one after a restart: so there are no spikes.
 *
 * @param ownerOf whose port an interface of the exporter is of which the datagram comes; -1: not known
 */
export function createInterfaceCounters(ownerOf: (ifIndex: number) => number): InterfaceCounters {
  const trackers = new Map<string, CounterTracker>();
  const [counters, portName] = [layoutOf("if_counters"), layoutOf("port_name")];
  let grown = new Map<string, InterfaceGrowth>();

  function add(growth: InterfaceGrowth): void {
    const key = `${growth.agent} ${growth.ifIndex} ${growth.owner}`;
    const before = grown.get(key);
    if (before === undefined) {
      grown.set(key, growth);
      return;
    }
    grown.set(key, {
      ...growth,
      milliseconds: before.milliseconds + growth.milliseconds,
      received: addedAmounts(before.received, growth.received),
      sent: addedAmounts(before.sent, growth.sent),
    });
  }

  function trackerOf(agent: string, ifIndex: number): CounterTracker | undefined {
    const key = `${agent} ${ifIndex}`;
    const known = trackers.get(key);
    // Those that were heard of last stay.
    trackers.delete(key);
    const [oldest] = trackers.size >= MOST_INTERFACES ? trackers.keys() : [];
    if (oldest !== undefined) trackers.delete(oldest);
    const tracker = known ?? createCounterTracker("if_counters");
    trackers.set(key, tracker);
    return tracker;
  }

  function takeSample({ view, head, samples, records }: Datagram, row: number, at: number): void {
    let [fields, name]: [RecordFields | undefined, unknown] = [undefined, undefined];
    const first = samples[row + SAMPLE_FIRST_RECORD] ?? 0;
    const last = first + (samples[row + SAMPLE_RECORDS] ?? 0);
    for (let record = first * RECORD_WORDS; record < last * RECORD_WORDS; record += RECORD_WORDS) {
      const format = records[record + RECORD_FORMAT];
      const [place, length] = [records[record + RECORD_AT] ?? 0, records[record + RECORD_LENGTH] ?? 0];
      if (format === IF_COUNTERS) fields = readFields(counters, view, place, length);
      else if (format === PORT_NAME) name = readFields(portName, view, place, length)?.name;
    }
    if (typeof fields?.ifIndex !== "number") return;
    const agent = addressOf(head, HEAD_AGENT, head[HEAD_FAMILY] === 6 ? 6 : 4);
    const { ifIndex } = fields;
    const sample = { sequence: samples[row + SAMPLE_SEQUENCE] ?? 0, uptimeMs: head[HEAD_UPTIME] ?? 0, fields };
    const delta = trackerOf(agent, ifIndex)?.observe(sample);
    if (delta === undefined) return;
    const owner = ownerOf(ifIndex);
    add({
      agent,
      ifIndex,
      ...(typeof name === "string" && name !== "" ? { name: printable(name) } : {}),
      ...(owner < 0 ? {} : { owner }),
      at,
      milliseconds: delta.milliseconds,
      received: amountsOf(delta, "In"),
      sent: amountsOf(delta, "Out"),
    });
  }

  return {
    take(datagram, at) {
      const { samples, sampleCount } = datagram;
      for (let index = 0, row = 0; index < sampleCount; index++, row += SAMPLE_WORDS) {
        if (samples[row + SAMPLE_KIND] === COUNTER_SAMPLE) takeSample(datagram, row, at);
      }
    },
    drain() {
      const drained = [...grown.values()];
      grown = new Map();
      return drained;
    },
  };
}

/** Whoever sends to the port may call an interface anything: no more than a name has, and nothing that would move a terminal's cursor. */
function printable(name: string): string {
  return name.slice(0, LONGEST_NAME).replaceAll(/\p{C}/gu, "?");
}

/** What one of them has and the other has not is what the one has. */
export function addedAmounts(a: InterfaceAmounts, b: InterfaceAmounts): InterfaceAmounts {
  const names = ["bytes", "packets", "drops", "errors"] as const;
  return Object.fromEntries(
    names.flatMap((name) => {
      const [one, other] = [a[name], b[name]];
      return one === undefined && other === undefined ? [] : [[name, (one ?? 0) + (other ?? 0)]];
    }),
  );
}

function layoutOf(name: string): RecordLayout {
  const layout = counterLayouts.find((one) => one.name === name);
  if (layout === undefined) throw new TypeError(`bug: no counters are named ${name}`);
  return layout;
}

function amountsOf({ fields }: CounterDelta, way: "In" | "Out"): InterfaceAmounts {
  const of = (what: string): number | undefined => fields[`if${way}${what}`];
  const kinds = ["UcastPkts", "MulticastPkts", "BroadcastPkts"].map(of);
  // Open vSwitch tells all packets as unicast, and of the other kinds some or none: a sum would tell them twice.
  const packets = kinds.includes(undefined) ? kinds[0] : kinds.reduce<number>((sum, count) => sum + (count ?? 0), 0);
  return definedFields({ bytes: of("Octets"), packets, drops: of("Discards"), errors: of("Errors") });
}
