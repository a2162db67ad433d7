import { seededRandom } from "@holdfast/core/testing";
import { describe, expect, test } from "vitest";
import type { DatagramDescription } from "../describe/datagram.ts";
import { createSflowDecoder } from "../sflow/decoder.ts";
import { datagramsIn, ownCaptures } from "../testing/captures.ts";
import {
  encodeDatagram,
  encodeFields,
  encodeHeaderRecord,
  encodeSample,
  layoutNamed,
  type SamplePlan,
} from "../testing/encoder.ts";
import { exampleFields } from "../testing/example-fields.ts";
import { ethernet, ipv4, ipv6, tcp, udp, vxlan } from "../testing/packets.ts";
import { type Aggregator, createAggregator, trafficRows } from "./aggregator.ts";

const decoder = createSflowDecoder();

function take(aggregator: Aggregator, bytes: Uint8Array): DatagramDescription {
  decoder.decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
  aggregator.take(decoder.datagram, 0);
  return decoder.describe();
}

function drain(aggregator: Aggregator) {
  const sums = aggregator.drain();
  return { ...sums, rows: [...trafficRows(sums)] };
}

const header = (packet: Uint8Array, frameLength = 1004) => encodeHeaderRecord(packet, { frameLength });
const web = header(ethernet({}, ipv4({}, tcp({ source: 40_000, destination: 80 }))));
const answer = header(
  ethernet({}, ipv4({ source: "10.0.0.2", destination: "10.0.0.1" }, tcp({ source: 80, destination: 40_000 }))),
);
const flow = (sequence: number, plan: Partial<SamplePlan> = {}) =>
  encodeSample({ format: 1, sequence, rate: 100, pool: sequence * 100, records: [web], ...plan });
const exporter = { agent: "10.0.0.1", subAgent: 0 };

describe("traffic", () => {
  test("is added up by who sends what to whom, where it came in", () => {
    const aggregator = createAggregator();
    const input = { format: 0, value: 7 };
    take(
      aggregator,
      encodeDatagram({ samples: [flow(1, { input }), flow(2, { records: [answer] }), flow(3, { input })] }),
    );
    const { rows } = drain(aggregator);
    const macs = { sourceMac: "02:00:00:00:00:01", destinationMac: "02:00:00:00:00:02", etherType: 0x0800 };
    const ip = { source: "10.0.0.1", destination: "10.0.0.2", protocol: 6, servicePort: 80 };
    expect(rows).toEqual([
      {
        exporter,
        isCounted: true,
        vantage: "port",
        inputIfIndex: 7,
        ...macs,
        ip,
        estimate: { packets: 200, bytes: 200_000, samples: 2, exactSamples: 0, errorPercent: 196 / Math.sqrt(2) },
      },
      {
        exporter,
        isCounted: true,
        vantage: "port",
        ...macs,
        ip: { ...ip, source: "10.0.0.2", destination: "10.0.0.1" },
        estimate: { packets: 100, bytes: 100_000, samples: 1, exactSamples: 0, errorPercent: 196 },
      },
    ]);
    expect(drain(aggregator).rows).toEqual([]);
  });

  test.each([
    { name: "opens a connection", packet: tcp({ source: 80, destination: 50_000, flags: 0x02 }), servicePort: 50_000 },
    { name: "answers that", packet: tcp({ source: 50_000, destination: 80, flags: 0x12 }), servicePort: 50_000 },
    { name: "is of an open one", packet: tcp({ source: 50_000, destination: 80 }), servicePort: 80 },
  ])("has the port of the end that serves, where a packet $name", ({ packet, servicePort }) => {
    const aggregator = createAggregator();
    take(aggregator, encodeDatagram({ samples: [flow(1, { records: [header(ethernet({}, ipv4({}, packet)))] })] }));
    expect(drain(aggregator).rows[0]?.ip?.servicePort).toBe(servicePort);
  });

  const vni = encodeFields(layoutNamed("extended_vni_ingress"), { vni: 5002 });
  const out = encodeFields(layoutNamed("extended_vni_egress"), { vni: 5003 });
  const switched = encodeFields(layoutNamed("extended_switch"), {
    sourceVlan: 12,
    sourcePriority: 0,
    destinationVlan: 13,
    destinationPriority: 0,
  });
  const tagged = header(ethernet({ tags: [{ control: 0xe00b }] }, ipv4({}, tcp())));
  const underlay = header(
    ethernet({}, ipv4({ protocol: 17 }, udp({ destination: 4789 }, vxlan(77, ethernet({}, ipv4({}, tcp())))))),
  );
  test.each([
    { name: "none", records: [web], told: { vantage: "port" } },
    { name: "the VNI it goes out by", records: [web, out], told: { vantage: "port", vni: 5003 } },
    { name: "the VNI it came by, told once more", records: [web, vni], told: { vantage: "tunnel", vni: 5002 } },
    { name: "the VNI of the tunnel it is in", records: [underlay], told: { vantage: "underlay", vni: 77 } },
    { name: "its own tag's VLAN", records: [tagged, switched], told: { vlan: 11 } },
    { name: "the VLAN that the switch tells", records: [web, switched], told: { vlan: 12 } },
  ])("has a segment: $name", ({ records, told }) => {
    const aggregator = createAggregator();
    take(aggregator, encodeDatagram({ samples: [flow(1, { records })] }));
    const [{ vantage, vni: number, vlan } = { vantage: undefined, vni: undefined, vlan: undefined }] =
      drain(aggregator).rows;
    expect({ vantage, vni: number, vlan }).toEqual({ vantage: "port", vni: undefined, vlan: undefined, ...told });
  });

  test("of a datagram that comes twice is added up once", () => {
    const aggregator = createAggregator();
    const bytes = encodeDatagram({ sequence: 9, samples: [flow(1), encodeSample({ format: 5 })] });
    take(aggregator, bytes);
    take(aggregator, bytes);
    const { rows, exporters, discards } = drain(aggregator);
    expect(rows.map(({ estimate }) => estimate.packets)).toEqual([100]);
    expect(discards).toBe(1);
    expect(exporters[0]?.datagrams).toMatchObject({ received: 2, again: 1 });
  });

  test("of a sample that comes twice is added up once", () => {
    const aggregator = createAggregator();
    take(aggregator, encodeDatagram({ samples: [flow(1), flow(1, { records: [answer] })] }));
    expect(drain(aggregator).rows.map(({ estimate }) => estimate.samples)).toEqual([1]);
  });

  test("without IP is told by its Ethernet, whatever came before", () => {
    const aggregator = createAggregator();
    const arp = header(ethernet({ type: 0x0806 }, new Uint8Array(28)));
    const samples = [arp, web, arp, answer, arp].map((record, index) => flow(index + 1, { records: [record] }));
    take(aggregator, encodeDatagram({ samples }));
    const { rows } = drain(aggregator);
    expect(rows.map(({ etherType, ip, estimate }) => [etherType, ip?.source, estimate.samples])).toEqual([
      [0x0806, undefined, 3],
      [0x0800, "10.0.0.1", 1],
      [0x0800, "10.0.0.2", 1],
    ]);
  });

  test("that was lost is made up from the source's numbers, and told", () => {
    const aggregator = createAggregator();
    for (const sequence of [1, 2, 5])
      take(aggregator, encodeDatagram({ sequence, uptimeMs: sequence, samples: [flow(sequence)] }));
    const { rows, exporters } = drain(aggregator);
    expect(rows.map(({ estimate }) => estimate.packets)).toEqual([500]);
    expect(exporters).toMatchObject([
      {
        ...exporter,
        datagrams: { received: 3, lost: 2 },
        sources: [{ class: 0, index: 0, lost: 2, madeUp: 2, statedRate: 100 }],
      },
    ]);
  });

  test("of two bridges of one agent, and of two agents, is told apart, with rates of their own", () => {
    const aggregator = createAggregator();
    take(aggregator, encodeDatagram({ subAgent: 0, samples: [flow(1)] }));
    take(aggregator, encodeDatagram({ subAgent: 1, samples: [flow(1, { rate: 64 })] }));
    take(aggregator, encodeDatagram({ agent: "fd00::1", samples: [flow(1, { rate: 1 })] }));
    expect(
      drain(aggregator).rows.map(({ exporter: from, estimate }) => [from.agent, from.subAgent, estimate.packets]),
    ).toEqual([
      ["10.0.0.1", 0, 100],
      ["10.0.0.1", 1, 64],
      ["fd00::1", 0, 1],
    ]);
  });

  test("is not what was discarded, nor counters", () => {
    const aggregator = createAggregator();
    const counters = encodeSample({
      format: 2,
      records: [encodeFields(layoutNamed("if_counters"), exampleFields(layoutNamed("if_counters")))],
    });
    take(aggregator, encodeDatagram({ samples: [encodeSample({ format: 5, reason: 258, records: [web] }), counters] }));
    expect(drain(aggregator)).toMatchObject({ rows: [], discards: 1, leftOut: 0 });
  });

  test("of too many rows, exporters or sources is left out and counted", () => {
    const packet = (port: number) => header(ethernet({}, ipv4({}, tcp({ destination: port }))));
    const few = createAggregator({ mostRows: 2 });
    take(
      few,
      encodeDatagram({ samples: [1, 2, 3, 2].map((port, index) => flow(index + 1, { records: [packet(port)] })) }),
    );
    expect(drain(few)).toMatchObject({ rows: [{}, {}], leftOut: 1 });
    const one = createAggregator({ mostExporters: 1 });
    for (const agent of ["10.0.0.1", "10.0.0.2"]) take(one, encodeDatagram({ agent, samples: [flow(1)] }));
    expect(drain(one)).toMatchObject({ rows: [{}], leftOut: 1, exporters: [{ agent: "10.0.0.1" }] });
    const alone = createAggregator({ mostSources: 1 });
    const elsewhere = flow(1, { source: { class: 0, index: 9 } });
    take(alone, encodeDatagram({ samples: [flow(1), elsewhere] }));
    expect(drain(alone)).toMatchObject({ rows: [{}], leftOut: 1 });
  });
});

describe("sums", () => {
  test("are those that plain maps have, of random traffic through several windows", () => {
    const random = seededRandom(7);
    const below = (limit: number): number => Math.floor(random() * limit);
    const aggregator = createAggregator();
    for (let window = 0; window < 3; window++) {
      const model = new Map<string, { packets: number; bytes: number; samples: number }>();
      for (let datagram = 0; datagram < 2000; datagram++) {
        const sequence = window * 2000 + datagram + 1;
        const [source, destination, length] = [`10.0.0.${below(60)}`, `10.0.1.${below(60)}`, 64 + below(1400)];
        const isV6 = below(4) === 0;
        const packet = isV6
          ? ethernet({ type: 0x86dd }, ipv6({ source: `fd00::${below(60)}`, destination: "fd00::1" }, tcp()))
          : ethernet({}, ipv4({ source, destination }, tcp()));
        const { samples } = take(
          aggregator,
          encodeDatagram({
            sequence,
            uptimeMs: sequence,
            samples: [flow(sequence, { records: [header(packet, length)] })],
          }),
        );
        const ip = samples[0]?.packet?.ip;
        const key = `${ip?.source} ${ip?.destination}`;
        const sum = model.get(key) ?? { packets: 0, bytes: 0, samples: 0 };
        model.set(key, { packets: sum.packets + 100, bytes: sum.bytes + 100 * (length - 4), samples: sum.samples + 1 });
      }
      const { rows } = drain(aggregator);
      const told = rows.map(
        ({ ip, estimate: { packets, bytes, samples } }) =>
          [`${ip?.source} ${ip?.destination}`, { packets, bytes, samples }] as const,
      );
      expect(new Map(told)).toEqual(model);
      expect(rows).toHaveLength(model.size);
      // Memory has grown meanwhile.
      expect(rows.length).toBeGreaterThan(1024);
    }
  });

  test.each(ownCaptures().filter(({ name }) => name.startsWith("ovs-")))(
    "of $name are exact, since every packet was sampled",
    async ({ pcap }) => {
      const aggregator = createAggregator();
      let [packets, bytes] = [0, 0];
      for (const { payload } of await datagramsIn(pcap)) {
        const said = take(aggregator, new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength));
        for (const { kind, records } of said.samples) {
          const fields = records.find(({ name }) => name === "sampled_header")?.fields;
          if (kind !== "flow" || fields === undefined) continue;
          packets += 1;
          bytes += Number(fields.frameLength) - Number(fields.stripped);
        }
      }
      const { rows } = drain(aggregator);
      const sum = (of: "packets" | "bytes") => rows.reduce((total, { estimate }) => total + estimate[of], 0);
      expect([sum("packets"), sum("bytes")]).toEqual([packets, bytes]);
      expect(rows.every(({ estimate }) => estimate.errorPercent === 0)).toBe(true);
    },
  );
});
