import {
  encodeDatagram,
  encodeFields,
  encodeHeaderRecord,
  encodeRecord,
  encodeSample,
  ethernet,
  ipv4,
  ipv6,
  layoutNamed,
  pcapFile,
  sflowCapture,
  tcp,
  udp,
  vxlan,
} from "@holdfast/flow/testing";
import { describe, expect, test } from "vitest";
import { terminal } from "../testing/terminal.ts";

const web = ethernet({ tags: [{ control: 10 }] }, ipv4({}, tcp({ flags: 0x12 })));
const overlay = ethernet(
  {},
  ipv4({ protocol: 17 }, udp({ destination: 4789 }, vxlan(5002, ethernet({ type: 0x86dd }, ipv6({}, tcp()))))),
);
const counters = encodeFields(layoutNamed("if_counters"), {
  ifIndex: 4,
  ifType: 6,
  ifSpeed: 10_000_000_000n,
  ifDirection: 1,
  ifStatus: 3,
  ifInOctets: 18_446_744_073_709_551_614n,
  ifInUcastPkts: 7,
  ifInMulticastPkts: 0,
  ifInBroadcastPkts: null,
  ifInDiscards: 0,
  ifInErrors: 0,
  ifInUnknownProtos: null,
  ifOutOctets: 9n,
  ifOutUcastPkts: 8,
  ifOutMulticastPkts: 0,
  ifOutBroadcastPkts: 0,
  ifOutDiscards: 0,
  ifOutErrors: 0,
  ifPromiscuousMode: 0,
});
const name = encodeFields(layoutNamed("port_name"), { name: "veth\u001b[2J" });

const datagrams = [
  encodeDatagram({
    agent: "10.9.9.1",
    sequence: 1,
    samples: [
      encodeSample({
        format: 1,
        rate: 400,
        input: { format: 0, value: 3 },
        output: { format: 1, value: 256 },
        records: [encodeHeaderRecord(web), encodeRecord(4300 * 4096 + 9, new Uint8Array(8))],
      }),
      encodeSample({ format: 3, rate: 1, output: { format: 2, value: 0 }, records: [encodeHeaderRecord(overlay)] }),
      encodeSample({ format: 2, source: { class: 0, index: 4 }, records: [name, counters] }),
    ],
  }),
  encodeDatagram({
    agent: "10.9.9.1",
    sequence: 2,
    samples: [encodeSample({ format: 5, reason: 258 })],
    declaredSamples: 2,
  }),
  encodeDatagram({ version: 4, samples: [] }),
];
const files = {
  "sflow.pcap": sflowCapture(datagrams),
  "cut.pcap": sflowCapture(datagrams).subarray(0, -5),
  "empty.pcap": pcapFile([]),
};

describe("flows decode", () => {
  test("prints a line of JSON per datagram, and what there was on standard error", async () => {
    const { run, screen } = terminal({}, files);
    expect(await run("flows decode sflow.pcap")).toBe(0);
    const lines = screen.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatchObject({
      time: "2025-10-09T08:53:20.000000Z",
      from: "10.0.0.1",
      fileOffset: 24,
      agent: "10.9.9.1",
      sequence: 1,
      samples: [
        { kind: "flow", samplingRate: 400, output: { dropped: "unknown", code: 256 }, packet: { vlans: [{ id: 10 }] } },
        { packet: { tunnel: { kind: "vxlan", id: 5002, inner: { ip: { version: 6 } } } } },
        { kind: "counters", records: [{ name: "port_name" }, { name: "if_counters" }] },
      ],
    });
    expect(lines[1]).toMatchObject({ refused: [{ reason: "samples_missing" }] });
    expect(lines[2]).toMatchObject({ refused: [{ reason: "version", offset: 0 }] });
    // All digits, and as a number.
    expect(screen.out).toContain('"ifInOctets":18446744073709551614,');
    expect(screen.err).toBe(
      "3 datagrams of 1 agent, 4 samples (2 flow, 1 counters, 1 discard)\n" +
        "refused: 1 version, 1 samples_missing\n" +
        "skipped, unknown flow record: 1 4300:9\n",
    );
  });

  test("prints a table for people, whatever a sender puts into names", async () => {
    const { run, screen } = terminal({}, files);
    expect(await run("flows decode sflow.pcap -o table")).toBe(0);
    expect(screen.out).toMatchInlineSnapshot(`
      "TIME             AGENT            SAMPLE     RATE      IN            OUT           WHAT
      08:53:20.000000  10.9.9.1         flow       1:400     if 3          drop unknown  vlan 10  10.0.0.1:40000 > 10.0.0.2:80 tcp [S.]
      08:53:20.000000  10.9.9.1         flow       1:1       unknown       several       10.0.0.1:40000 > 10.0.0.2:4789 udp  vxlan 5002: [fd00::1]:40000 > [fd00::2]:80 tcp [.]
      08:53:20.000000  10.9.9.1         counters   -         if 4          -             veth?[2J; in 18446744073709551614 B 7 p, out 9 B 8 p
      08:53:21.000000  10.9.9.1         discard    -         unknown       unknown       acl
      08:53:21.000000  10.9.9.1         refused    -         -             -             samples_missing at byte 68 of the datagram
      08:53:22.000000  10.0.0.1         refused    -         -             -             version at byte 0 of the datagram
      "
    `);
  });

  test("reads standard input", async () => {
    const { run, screen } = terminal({}, { "-": files["sflow.pcap"] });
    expect(await run("flows decode -")).toBe(0);
    expect(screen.out.split("\n")).toHaveLength(4);
  });

  test("says of a broken capture which byte, after all that stands before", async () => {
    const { run, screen } = terminal({}, files);
    expect(await run("flows decode cut.pcap")).toBe(1);
    expect(screen.out.split("\n")).toHaveLength(3);
    expect(screen.err).toMatch(
      /^2 datagrams .*\n.*\n.*\nholdfast: cut\.pcap: byte \d+: the file ends inside this packet; the ones before are whole\n$/,
    );
  });

  test("says what to do when there is nothing of sFlow", async () => {
    const { run, screen } = terminal({}, files);
    expect(await run("flows decode sflow.pcap --port 9995")).toBe(0);
    expect(screen).toEqual({
      out: "",
      err: "no datagrams to UDP port 9995 among 3 packets; --port names another port\n",
    });
  });

  test.each([
    { line: "flows decode nothing.pcap", says: "nothing.pcap: there is no such file", code: 1 },
    { line: "flows decode sflow.pcap --port sflow", says: "--port sflow is no UDP port", code: 1 },
    { line: "flows decode sflow.pcap -o yaml", says: "it prints json, jsonl, table", code: 2 },
    { line: "flows decode", says: "missing required argument 'file'", code: 2 },
  ])("$line: $says", async ({ line, says, code }) => {
    const { run, screen } = terminal({}, files);
    expect(await run(line)).toBe(code);
    expect(screen.err).toContain(says);
    expect(screen.err).not.toContain("datagrams");
  });
});
