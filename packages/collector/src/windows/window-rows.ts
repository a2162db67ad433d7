import { type TrafficRow, type TrafficSampleRow, trafficRows, trafficSamples } from "@holdfast/flow";
import type { NameRow } from "../naming/naming.ts";
import type { SampledWindow } from "../receiver/windowing.ts";
import type { TrafficDimensions, TrafficSample, TrafficWindow, WindowRow } from "./traffic.ts";

/** What was counted in its time, beside what was sampled. */
export type Counted = Partial<Pick<TrafficWindow, "counts" | "drops">>;

/** Says a window in words, with who its traffic is from and for. */
export function trafficWindow(
  { start, traffic, origin }: SampledWindow,
  seconds: number,
  name: NameRow,
  { counts = [], drops = [] }: Counted = {},
): TrafficWindow {
  const rows = Array.from(trafficRows(traffic), (row) => windowRow(row, name));
  const samples = Array.from(trafficSamples(traffic), (sample) => windowSample(sample, name));
  return {
    start,
    seconds,
    rows,
    samples,
    ...(counts.length === 0 ? {} : { counts }),
    ...(drops.length === 0 ? {} : { drops }),
    leftOut: traffic.leftOut,
    ...(origin === undefined ? {} : { origin }),
  };
}

function windowRow(row: TrafficRow, name: NameRow): WindowRow {
  const { ip, estimate } = row;
  return {
    ...dimensionsOf(row, name),
    ...(ip === undefined ? {} : { servicePort: ip.servicePort }),
    packets: estimate.packets,
    bytes: estimate.bytes,
    samples: estimate.samples,
    exactSamples: estimate.exactSamples,
  };
}

function windowSample(sample: TrafficSampleRow, name: NameRow): TrafficSample {
  const { at, bytes, rate, inputIfIndex, outputIfIndex, sourcePort, destinationPort, tcpFlags } = sample;
  return {
    ...dimensionsOf(sample, name),
    at,
    ...(inputIfIndex === undefined ? {} : { inputIfIndex }),
    ...(outputIfIndex === undefined ? {} : { outputIfIndex }),
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    ...(tcpFlags === undefined ? {} : { tcpFlags }),
    bytes,
    rate,
  };
}

function dimensionsOf(row: TrafficRow | TrafficSampleRow, name: NameRow): TrafficDimensions {
  const { exporter, vantage, etherType, vni, vlan, ip } = row;
  return {
    exporter,
    vantage,
    ...name(row),
    ...(etherType === undefined ? {} : { etherType }),
    ...(vni === undefined ? {} : { vni }),
    ...(vlan === undefined ? {} : { vlan }),
    ...(ip === undefined ? {} : { protocol: ip.protocol }),
  };
}
