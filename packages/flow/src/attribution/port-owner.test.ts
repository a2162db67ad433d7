import { IpAddress, MacAddress } from "@holdfast/core";
import { expect, test } from "vitest";
import { createAggregator } from "../numbers/aggregator.ts";
import { createSflowDecoder } from "../sflow/decoder.ts";
import { encodeDatagram, encodeHeaderRecord, encodeSample } from "../testing/encoder.ts";
import { ethernet, ipv4, tcp } from "../testing/packets.ts";
import { createAttribution } from "./attribution.ts";
import { addressWords, macWords } from "./change.ts";

const MAC = "02:64:0a:14:00:07";

test("a port is whose packets come by it at its own node, until he has gone", () => {
  const attribution = createAttribution();
  const aggregator = createAggregator({}, attribution);
  const decoder = createSflowDecoder();
  const endpoint = {
    ...{ number: 5, node: 0, network: 0, tenant: 0, isSampled: true, isRoutable: true },
    mac: macWords(MacAddress.parse(MAC)),
    addresses: [addressWords(IpAddress.parse("10.20.0.7"))],
  };
  const agents = [addressWords(IpAddress.parse("10.9.0.1"))];
  attribution.apply({ kind: "node", node: 0, agents, from: 0 });
  attribution.apply({ kind: "begin", endpoint, from: 0 });
  const hear = (sequence: number, agent: string, ifIndex: number) => {
    const frame = ethernet({ source: MAC }, ipv4({ source: "10.20.0.7", destination: "192.0.2.1" }, tcp()));
    const input = { format: 0, value: ifIndex };
    const records = [encodeHeaderRecord(frame)];
    const samples = [encodeSample({ format: 1, sequence, pool: sequence, rate: 1, input, records })];
    const bytes = encodeDatagram({ agent, sequence, uptimeMs: sequence, samples });
    decoder.decode(new DataView(bytes.buffer), 0, bytes.length);
    aggregator.take(decoder.datagram, 1000 + sequence);
  };
  hear(1, "10.9.0.1", 7);
  expect([attribution.ownerOfPort(7), attribution.ownerOfPort(8)]).toEqual([5, -1]);
  // An exporter of no node has nobody's ports, whatever comes by them.
  hear(2, "10.9.0.99", 8);
  expect(attribution.ownerOfPort(8)).toBe(-1);
  hear(3, "10.9.0.1", 7);
  // Told of, it is known before a packet has come by it.
  attribution.apply({ kind: "plug", endpoint: 5, ifIndex: 12, from: 0 });
  expect(attribution.ownerOfPort(12)).toBe(5);
  attribution.apply({ kind: "end", endpoint, to: 2000 });
  expect(attribution.ownerOfPort(7)).toBe(-1);
});
