import { describe, expect, test } from "vitest";
import { createSflowDecoder } from "../sflow/decoder.ts";
import { FLOW_SAMPLE, SAMPLE_KIND, SAMPLE_WORDS } from "../sflow/words.ts";
import { datagramsIn, ownCaptures } from "../testing/captures.ts";
import { encodeDatagram, encodeFields, encodeHeaderRecord, encodeSample, layoutNamed } from "../testing/encoder.ts";
import { exampleFields } from "../testing/example-fields.ts";
import { ethernet, ipv4, tcp, udp, vxlan } from "../testing/packets.ts";
import { vantageOf } from "./vantage.ts";

const packet = ethernet({}, ipv4({}, tcp()));
const record = (name: string) => encodeFields(layoutNamed(name), exampleFields(layoutNamed(name)));

function vantageOfRecords(...records: readonly Uint8Array[]) {
  const decoder = createSflowDecoder();
  const bytes = encodeDatagram({ samples: [encodeSample({ format: 1, records })] });
  decoder.decode(new DataView(bytes.buffer), 0, bytes.length);
  return vantageOf(decoder.datagram.samples, 0);
}

describe("a packet is sampled", () => {
  test.each([
    { name: "at the port it came from", records: [encodeHeaderRecord(packet)], vantage: "port" },
    {
      name: "at the port it came from, on its way into a tunnel",
      records: [encodeHeaderRecord(packet), record("extended_vni_egress"), record("extended_ipv4_tunnel_egress")],
      vantage: "port",
    },
    {
      name: "out of a tunnel",
      records: [encodeHeaderRecord(packet), record("extended_ipv4_tunnel_ingress")],
      vantage: "tunnel",
    },
    {
      name: "out of a tunnel of which only the VNI is told",
      records: [record("extended_vni_ingress"), encodeHeaderRecord(packet)],
      vantage: "tunnel",
    },
    {
      name: "inside its tunnel",
      records: [encodeHeaderRecord(ethernet({}, ipv4({ protocol: 17 }, udp({ destination: 4789 }, vxlan(5, packet)))))],
      vantage: "underlay",
    },
  ])("$name: $vantage", ({ records, vantage }) => {
    expect(vantageOfRecords(...records)).toBe(vantage);
  });

  test("out of a tunnel by what Open vSwitch says, on one of two hosts", async () => {
    const vxlanCapture = ownCaptures().find(({ name }) => name === "ovs-vxlan-host1");
    const decoder = createSflowDecoder();
    const counts = { port: 0, tunnel: 0, underlay: 0 };
    for (const { payload } of await datagramsIn(vxlanCapture?.pcap ?? "")) {
      decoder.decode(payload, 0, payload.byteLength);
      const { samples, sampleCount } = decoder.datagram;
      for (let row = 0; row < sampleCount * SAMPLE_WORDS; row += SAMPLE_WORDS) {
        if (samples[row + SAMPLE_KIND] === FLOW_SAMPLE) counts[vantageOf(samples, row)] += 1;
      }
    }
    // 15 of the 35 have a VNI that they came with.
    expect(counts).toEqual({ port: 20, tunnel: 15, underlay: 0 });
  });
});
