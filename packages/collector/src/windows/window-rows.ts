import { type TrafficRow, trafficRows } from "@holdfast/flow";
import type { NameRow } from "../naming/naming.ts";
import type { SampledWindow } from "../receiver/windowing.ts";
import type { TrafficWindow, WindowRow } from "./traffic.ts";

/** Says a window in words, with who its traffic is from and for. */
export function trafficWindow({ start, traffic }: SampledWindow, seconds: number, name: NameRow): TrafficWindow {
  const rows = Array.from(trafficRows(traffic), (row) => windowRow(row, name));
  return { start, seconds, rows, samples: [], leftOut: traffic.leftOut };
}

function windowRow(row: TrafficRow, name: NameRow): WindowRow {
  const { exporter, vantage, etherType, vni, vlan, ip, estimate } = row;
  return {
    exporter,
    vantage,
    ...name(row),
    ...(etherType === undefined ? {} : { etherType }),
    ...(vni === undefined ? {} : { vni }),
    ...(vlan === undefined ? {} : { vlan }),
    ...(ip === undefined ? {} : { protocol: ip.protocol, servicePort: ip.servicePort }),
    packets: estimate.packets,
    bytes: estimate.bytes,
    samples: estimate.samples,
    exactSamples: estimate.exactSamples,
  };
}
