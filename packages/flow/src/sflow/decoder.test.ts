import { describe, expect, test } from "vitest";
import { KEY_DESTINATION_PORT, KEY_FLAGS, KEY_SOURCE } from "../packet/key.ts";
import {
  encodeDatagram,
  encodeFields,
  encodeHeaderRecord,
  encodeRecord,
  encodeSample,
  layoutNamed,
} from "../testing/encoder.ts";
import { ethernet, ipv4, tcp, udp, vxlan } from "../testing/packets.ts";
import { createSflowDecoder } from "./decoder.ts";
import type { RefusalReason } from "./refusal.ts";
import { HEAD_AGENT, SAMPLE_INNER_KEY, SAMPLE_KEY, SAMPLE_RATE, SAMPLE_VNI_IN, SAMPLE_WORDS } from "./words.ts";

function read(bytes: Uint8Array) {
  const decoder = createSflowDecoder();
  const whole = decoder.decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
  const description = whole ? decoder.describe() : undefined;
  const refused = Object.entries(decoder.totals().refusals).flatMap(([reason, count]) =>
    count > 0 ? [[reason, count]] : [],
  );
  return { decoder, description, samples: description?.samples ?? [], refused: Object.fromEntries(refused) as unknown };
}

const packet = ethernet({}, ipv4({}, tcp()));
const header = encodeHeaderRecord(packet);
/** What lies before and behind something broken. */
const neighbour = (sequence: number) => encodeSample({ format: 1, sequence, records: [header] });

/** Bytes with a number of 32 bits in them changed. */
function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  new DataView(copy.buffer).setUint32(at, value);
  return copy;
}

describe("a datagram's head", () => {
  test.each(["10.9.8.7", "fd00::7"])("is told, of an agent at %s", (agent) => {
    const { description } = read(
      encodeDatagram({ agent, subAgent: 3, sequence: 4_000_000_000, uptimeMs: 5, samples: [] }),
    );
    expect(description).toEqual({ agent, subAgent: 3, sequence: 4_000_000_000, uptimeMs: 5, samples: [] });
  });

  test.each<{ name: string; bytes: Uint8Array; reason: RefusalReason }>([
    { name: "nothing", bytes: new Uint8Array(), reason: "datagram_length" },
    { name: "27 bytes", bytes: encodeDatagram({ samples: [] }).subarray(0, 27), reason: "datagram_length" },
    {
      name: "39 bytes of an agent with IPv6",
      bytes: encodeDatagram({ agent: "fd00::1", samples: [] }).subarray(0, 39),
      reason: "datagram_length",
    },
    { name: "65536 bytes", bytes: new Uint8Array(65_536), reason: "datagram_length" },
    { name: "version 4", bytes: encodeDatagram({ version: 4, samples: [] }), reason: "version" },
    {
      name: "an agent without address",
      bytes: changed(encodeDatagram({ samples: [] }), 4, 0),
      reason: "agent_address",
    },
  ])("is refused: $name", ({ bytes, reason }) => {
    const { description, refused } = read(bytes);
    expect(description).toBeUndefined();
    expect(refused).toEqual({ [reason]: 1 });
  });
});

describe("samples", () => {
  test("of all five formats are told", () => {
    const source = { class: 0, index: 7 };
    const way = { drops: 2, input: { format: 0, value: 3 }, output: { format: 2, value: 4 } };
    const flow = { source, sequence: 1, rate: 400, pool: 800, ...way };
    const { samples } = read(
      encodeDatagram({
        samples: [
          encodeSample({ format: 1, ...flow }),
          encodeSample({
            format: 3,
            ...flow,
            source: { class: 2, index: 0x0102_0304 },
            output: { format: 1, value: 258 },
          }),
          encodeSample({ format: 2, source, sequence: 9 }),
          encodeSample({ format: 4, source: { class: 3, index: 70_000_000 } }),
          encodeSample({
            format: 5,
            source,
            drops: 6,
            input: { format: 0, value: 1 },
            output: { format: 0, value: 2 },
            reason: 289,
          }),
        ],
      }),
    );
    const told = { sequence: 1, samplingRate: 400, samplePool: 800, drops: 2, input: { ifIndex: 3 }, records: [] };
    expect(samples).toEqual([
      { kind: "flow", format: "0:1", source: { class: "ifIndex", index: 7 }, output: { ports: 4 }, ...told },
      {
        kind: "flow",
        format: "0:3",
        source: { class: "entPhysicalEntry", index: 0x0102_0304 },
        output: { dropped: "acl", code: 258 },
        ...told,
      },
      { kind: "counters", format: "0:2", sequence: 9, source: { class: "ifIndex", index: 7 }, records: [] },
      {
        kind: "counters",
        format: "0:4",
        sequence: 0,
        source: { class: "entLogicalEntry", index: 70_000_000 },
        records: [],
      },
      {
        kind: "discard",
        format: "0:5",
        sequence: 0,
        source: { class: "ifIndex", index: 7 },
        drops: 6,
        input: { ifIndex: 1 },
        output: { ifIndex: 2 },
        reason: "unknown_l4",
        reasonCode: 289,
        records: [],
      },
    ]);
  });

  test("and records of unknown formats are skipped by their length and counted by format", () => {
    const strange = encodeRecord(4300 * 4096 + 1002, new Uint8Array(13));
    const unknown = Uint8Array.from([...encodeRecord(4300 * 4096 + 1003, new Uint8Array(21))]);
    const flow = encodeSample({ format: 1, records: [strange, header, strange] });
    const counters = encodeSample({ format: 2, records: [encodeRecord(3, new Uint8Array(72))] });
    const { samples, refused, decoder } = read(encodeDatagram({ samples: [unknown, flow, counters, neighbour(8)] }));
    expect(samples.map(({ kind, records }) => [kind, records.length])).toEqual([
      ["flow", 1],
      ["counters", 0],
      ["flow", 1],
    ]);
    expect(refused).toEqual({});
    expect(decoder.totals().unknown).toEqual({
      sample: { "4300:1003": 1 },
      flow: { "4300:1002": 2 },
      counters: { "0:3": 1 },
      packet: {},
    });
  });

  test("of senders of nonsense fill no memory", () => {
    const decoder = createSflowDecoder();
    for (let format = 1000; format < 2000; format++) {
      const bytes = encodeDatagram({ samples: [encodeRecord(format, new Uint8Array())] });
      decoder.decode(new DataView(bytes.buffer), 0, bytes.length);
    }
    expect(Object.keys(decoder.totals().unknown.sample)).toHaveLength(256);
    expect(decoder.totals().otherUnknown).toBe(744);
  });
});

describe("what is refused of a datagram leaves its neighbours", () => {
  const cases: readonly { reason: RefusalReason; name: string; sample: Uint8Array; behind: boolean; kept?: number }[] =
    [
      {
        reason: "sample_truncated",
        name: "a flow sample of 28 bytes",
        sample: encodeRecord(1, new Uint8Array(28)),
        behind: true,
      },
      {
        reason: "sample_truncated",
        name: "a counter sample of 8",
        sample: encodeRecord(2, new Uint8Array(8)),
        behind: true,
      },
      {
        reason: "sample_truncated",
        name: "an expanded one of 40",
        sample: encodeRecord(3, new Uint8Array(40)),
        behind: true,
      },
      {
        reason: "sample_truncated",
        name: "a discard of 28",
        sample: encodeRecord(5, new Uint8Array(28)),
        behind: true,
      },
      {
        reason: "sample_length",
        name: "a sample that reaches behind the end",
        sample: changed(neighbour(2), 4, 100_000),
        behind: false,
      },
      {
        reason: "records_missing",
        name: "a sample with fewer records than it says",
        sample: encodeSample({ format: 1, sequence: 2, records: [header], declaredRecords: 2 }),
        behind: true,
        kept: 1,
      },
      {
        reason: "record_length",
        name: "a record that reaches behind its sample's end",
        sample: encodeSample({ format: 1, sequence: 2, records: [header, changed(header, 4, 90)] }),
        behind: true,
        kept: 1,
      },
      {
        reason: "record_truncated",
        name: "a record of too few bytes",
        sample: encodeSample({ format: 1, sequence: 2, records: [encodeRecord(1001, new Uint8Array(12)), header] }),
        behind: true,
        kept: 1,
      },
      {
        reason: "record_truncated",
        name: "counters of too few bytes",
        sample: encodeSample({ format: 2, sequence: 2, records: [encodeRecord(1, new Uint8Array(84))] }),
        behind: true,
        kept: 0,
      },
      {
        reason: "header_length",
        name: "a packet header longer than its record",
        sample: encodeSample({ format: 1, sequence: 2, records: [changed(header, 20, packet.length + 3), header] }),
        behind: true,
        kept: 1,
      },
      {
        reason: "record_content",
        name: "a text longer than its record",
        sample: encodeSample({
          format: 2,
          sequence: 2,
          records: [encodeRecord(1005, Uint8Array.of(0, 0, 0, 9, 97, 98, 99, 100))],
        }),
        behind: true,
        kept: 0,
      },
      {
        reason: "record_content",
        name: "a list longer than its record",
        sample: encodeSample({
          format: 1,
          sequence: 2,
          records: [encodeRecord(1012, Uint8Array.of(255, 255, 255, 255)), header],
        }),
        behind: true,
        kept: 1,
      },
    ];

  test.each(cases)("$name ($reason)", ({ reason, sample, behind, kept }) => {
    const { samples, refused, description } = read(encodeDatagram({ samples: [neighbour(1), sample, neighbour(3)] }));
    const sequences = [1, ...(kept === undefined ? [] : [2]), ...(behind ? [3] : [])];
    expect(samples.map(({ sequence }) => sequence)).toEqual(sequences);
    for (const { sequence, records, incomplete, packet: told } of samples) {
      expect(records).toHaveLength(sequence === 2 ? (kept ?? 0) : 1);
      expect(incomplete).toBe(sequence === 2 ? true : undefined);
      if (sequence !== 2) expect(told?.tcp?.destinationPort).toBe(80);
    }
    expect(refused).toEqual({ [reason]: 1 });
    expect(description?.refused).toHaveLength(1);
    expect(description?.refused?.[0]?.reason).toBe(reason);
  });

  test("fewer samples than it says (samples_missing)", () => {
    const bytes = encodeDatagram({ samples: [neighbour(1), neighbour(2)], declaredSamples: 3 });
    const { samples, refused, description } = read(bytes);
    expect(samples).toHaveLength(2);
    expect(refused).toEqual({ samples_missing: 1 });
    expect(description?.refused).toEqual([{ reason: "samples_missing", offset: bytes.length }]);
  });

  test("a last record without its padding is taken", () => {
    const record = encodeFields(layoutNamed("extended_function"), { symbol: "foobar" }).subarray(0, 18);
    const unpadded = changed(record, 4, 10);
    const plan = { samples: [encodeSample({ format: 5, records: [unpadded] })] };
    const { samples, refused } = read(encodeDatagram(plan));
    expect(samples[0]?.records[0]?.fields).toEqual({ symbol: "foobar" });
    expect(refused).toEqual({});
    const more = encodeDatagram({ ...plan, declaredSamples: 2 });
    expect(read(more).description?.refused).toEqual([{ reason: "samples_missing", offset: more.length }]);
  });

  test("of very many refusals the first 64 are told and all are counted", () => {
    const sample = encodeRecord(1, new Uint8Array(4));
    const { refused, description } = read(encodeDatagram({ samples: Array.from({ length: 100 }, () => sample) }));
    expect(refused).toEqual({ sample_truncated: 100 });
    expect(description?.refused).toHaveLength(64);
  });
});

describe("a row of numbers", () => {
  const vni = encodeFields(layoutNamed("extended_vni_ingress"), { vni: 5002 });
  const tunnel = ethernet({}, ipv4({ protocol: 17 }, udp({ destination: 4789 }, vxlan(9, packet))));

  test("has what flows are told apart by, and nothing of the datagram before", () => {
    const decoder = createSflowDecoder();
    const { samples, head } = decoder.datagram;
    const first = encodeDatagram({
      samples: [encodeSample({ format: 1, rate: 400, records: [vni, encodeHeaderRecord(tunnel)] })],
    });
    decoder.decode(new DataView(first.buffer), 0, first.length);
    expect([...samples.subarray(SAMPLE_KEY + KEY_SOURCE, SAMPLE_KEY + KEY_SOURCE + 4)]).toEqual([
      0, 0, 0xffff, 0x0a00_0001,
    ]);
    expect(samples[SAMPLE_RATE]).toBe(400);
    expect(samples[SAMPLE_VNI_IN]).toBe(5002);
    expect(samples[SAMPLE_INNER_KEY + KEY_DESTINATION_PORT]).toBe(80);
    expect([...head.subarray(HEAD_AGENT, HEAD_AGENT + 4)]).toEqual([0, 0, 0xffff, 0x0a00_0001]);
    const second = encodeDatagram({ samples: [encodeSample({ format: 2 })] });
    decoder.decode(new DataView(second.buffer), 0, second.length);
    const told = [...samples.subarray(0, SAMPLE_WORDS)];
    expect(told.slice(SAMPLE_KEY, SAMPLE_INNER_KEY).every((word) => word === 0)).toBe(true);
    expect(samples[SAMPLE_VNI_IN]).toBe(0);
    expect(samples[SAMPLE_INNER_KEY + KEY_FLAGS]).toBe(0);
  });

  test("of records 2 to 4 is used where there is no header, and a header is worth more", () => {
    const sampled = encodeFields(layoutNamed("sampled_ipv4"), {
      length: 60,
      protocol: 17,
      source: "1.1.1.1",
      destination: "2.2.2.2",
      sourcePort: 1,
      destinationPort: 2,
      tcpFlags: 0,
      tos: 4,
    });
    const frame = encodeFields(layoutNamed("sampled_ethernet"), {
      length: 74,
      sourceMac: "02:00:00:00:00:0a",
      destinationMac: "02:00:00:00:00:0b",
      type: 2048,
    });
    const packetOf = (...records: Uint8Array[]) =>
      read(encodeDatagram({ samples: [encodeSample({ format: 1, records })] })).samples[0]?.packet;
    expect(packetOf(frame, sampled)).toMatchObject({
      ethernet: { source: "02:00:00:00:00:0a", type: 2048 },
      ip: { source: "1.1.1.1", destination: "2.2.2.2", protocol: 17, tos: 4, length: 60 },
      udp: { sourcePort: 1, destinationPort: 2 },
    });
    const whole = packetOf(header);
    expect(packetOf(sampled, frame, header)).toEqual(whole);
    expect(packetOf(header, sampled, frame)).toEqual(whole);
  });
});
