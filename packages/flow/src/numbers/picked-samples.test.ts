import { IpAddress, MacAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { type Attribution, createAttribution } from "../attribution/attribution.ts";
import { addressWords, macWords } from "../attribution/change.ts";
import { createSflowDecoder } from "../sflow/decoder.ts";
import { encodeDatagram, encodeHeaderRecord, encodeSample, type SamplePlan } from "../testing/encoder.ts";
import { ethernet, ipv4, tcp, udp } from "../testing/packets.ts";
import { createAggregator, trafficSamples } from "./aggregator.ts";

const decoder = createSflowDecoder();
const NOW = Date.UTC(2026, 10, 20, 10);

const flow = (sequence: number, packet: Uint8Array, plan: Partial<SamplePlan> = {}) =>
  encodeSample({
    format: 1,
    sequence,
    rate: 100,
    pool: sequence * 100,
    records: [encodeHeaderRecord(packet, { frameLength: 1004 })],
    ...plan,
  });

/** What is picked of samples that come in datagrams of their own, a millisecond apart. */
function picked(most: number, samples: readonly Uint8Array[], attribution?: Attribution) {
  const aggregator = createAggregator({ mostSamples: most }, attribution);
  for (const [index, sample] of samples.entries()) {
    const bytes = encodeDatagram({ sequence: index + 1, uptimeMs: index, samples: [sample] });
    decoder.decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
    aggregator.take(decoder.datagram, NOW + index);
  }
  return { found: [...trafficSamples(aggregator.drain())], again: [...trafficSamples(aggregator.drain())] };
}

describe("picked samples", () => {
  test("have what their packet says, whose exporter it was, and when it came", () => {
    const input = { format: 0, value: 7 };
    const web = ethernet({}, ipv4({}, tcp({ source: 40_000, destination: 80, flags: 0x12 })));
    const dropped = { format: 1, value: 256 };
    const dns = ethernet({}, ipv4({ protocol: 17 }, udp({ source: 53, destination: 40_001 })));
    const { found, again } = picked(10, [
      flow(1, web, { input, output: { format: 0, value: 9 } }),
      flow(2, dns, { output: dropped }),
    ]);
    expect(found).toMatchObject([
      {
        exporter: { agent: "10.0.0.1", subAgent: 0 },
        at: NOW,
        rate: 100,
        bytes: 1000,
        inputIfIndex: 7,
        outputIfIndex: 9,
        sourcePort: 40_000,
        destinationPort: 80,
        tcpFlags: 0x12,
        ip: { source: "10.0.0.1", destination: "10.0.0.2", protocol: 6, servicePort: 40_000 },
      },
      { at: NOW + 1, sourcePort: 53, destinationPort: 40_001, ip: { servicePort: 53 } },
    ]);
    expect(found[1]).not.toHaveProperty("outputIfIndex");
    expect(found[1]).not.toHaveProperty("tcpFlags");
    expect(again).toEqual([]);
  });

  test("say whose they are, also when traffic of their kind came before, and are of what is counted", () => {
    const attribution = createAttribution();
    attribution.apply({ kind: "node", node: 0, agents: [addressWords(IpAddress.parse("10.0.0.1"))], from: 0 });
    for (const [number, node] of [0, 1].entries()) {
      const mac = macWords(MacAddress.parse(`02:00:00:00:00:0${number + 1}`));
      const place = { node, network: 0, tenant: 0, isSampled: true, isRoutable: true };
      const endpoint = { number, ...place, mac, addresses: [addressWords(IpAddress.parse(`10.20.0.${number + 1}`))] };
      attribution.apply({ kind: "begin", endpoint, from: 0 });
    }
    const there = ethernet(
      { source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" },
      ipv4({ source: "10.20.0.1", destination: "10.20.0.2" }, tcp({ source: 40_000, destination: 80 })),
    );
    // Its other end is on another node, which exports as well: there it is counted.
    const back = ethernet(
      { source: "02:00:00:00:00:02", destination: "02:00:00:00:00:01" },
      ipv4({ source: "10.20.0.2", destination: "10.20.0.1" }, tcp({ source: 80, destination: 40_000 })),
    );
    attribution.apply({ kind: "node", node: 1, agents: [addressWords(IpAddress.parse("10.0.0.9"))], from: NOW });
    const { found } = picked(10, [flow(1, there), flow(2, there), flow(3, back)], attribution);
    expect(found.map(({ sourceOwner, destinationOwner }) => [sourceOwner, destinationOwner])).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });

  test("are as many as are wanted, from all of the time", () => {
    const packet = (index: number) => ethernet({}, ipv4({}, tcp({ source: 1000 + index, destination: 80 })));
    const { found } = picked(
      100,
      Array.from({ length: 4000 }, (_, index) => flow(index + 1, packet(index))),
    );
    expect(found).toHaveLength(100);
    const quarters = [0, 1, 2, 3].map(
      (quarter) => found.filter(({ at }) => Math.floor((at - NOW) / 1000) === quarter).length,
    );
    for (const count of quarters) expect(count).toBeGreaterThan(12);
    expect(quarters.reduce((sum, count) => sum + count)).toBe(100);
  });

  test("are none unless somebody wants some", () => {
    expect(picked(0, [flow(1, ethernet({}, ipv4({}, tcp({}))))]).found).toEqual([]);
  });
});
