import { counterLayouts } from "../records/counter-layouts.ts";
import { flowLayouts } from "../records/flow-layouts.ts";
import type { RecordLayout } from "../records/layout.ts";
import { encodeDatagram, encodeFields, encodeHeaderRecord, encodeSample } from "./encoder.ts";
import { exampleFields } from "./example-fields.ts";
import { ethernet, extension, geneve, ipv4, ipv6, tcp, udp, vxlan } from "./packets.ts";

const inner = ethernet({}, ipv4({}, tcp()));
const PACKETS = [
  inner,
  ethernet({ tags: [{ type: 0x88a8, control: 1 }, { control: 2 }] }, ipv4({ protocol: 17 }, udp())),
  ethernet({ type: 0x86dd }, ipv6({ next: 0 }, extension(43, extension(6, tcp())))),
  ethernet({}, ipv4({ protocol: 17 }, udp({ destination: 4789 }, vxlan(5002, inner)))),
  ethernet({}, ipv4({ protocol: 17 }, udp({ destination: 6081 }, geneve(7, inner, new Uint8Array(8))))),
  ethernet({}, ipv4({ protocol: 47 }, Uint8Array.of(0x20, 0, 0x65, 0x58, 0, 0, 0, 1, ...inner))),
];

/** Datagrams with every record and every kind of packet that we know, some samples each. */
export function madeDatagrams(): readonly Uint8Array[] {
  const encode = (layout: RecordLayout) => encodeFields(layout, exampleFields(layout));
  const flow = flowLayouts.filter(({ format }) => format !== 1).map(encode);
  const counters = counterLayouts.map(encode);
  const groups = Array.from({ length: 6 }, (_, group) => ({
    flow: flow.filter((_record, index) => index % 6 === group),
    counters: counters.filter((_record, index) => index % 6 === group),
  }));
  return groups.map((group, index) =>
    encodeDatagram({
      agent: index % 2 === 0 ? "10.0.0.1" : "fd00::1",
      samples: [
        encodeSample({ format: 1, rate: 400, records: [encodeHeaderRecord(PACKETS[index] ?? inner)] }),
        encodeSample({ format: 3, sequence: index, records: [...group.flow, encodeHeaderRecord(inner)] }),
        encodeSample({ format: 2, records: group.counters }),
        encodeSample({ format: 4, records: group.counters }),
        encodeSample({ format: 5, reason: 256 + index, records: group.flow }),
      ],
    }),
  );
}
