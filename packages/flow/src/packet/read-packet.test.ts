import { describe, expect, test } from "vitest";
import { describePacket } from "../describe/packet.ts";
import { ethernet, extension, geneve, ipv4, ipv6, tcp, udp, vxlan } from "../testing/packets.ts";
import { createCursor, LAYER_ETHERNET, LAYER_IPV4, LAYER_IPV6, LAYER_MPLS, LAYER_PPP, type Layer } from "./cursor.ts";
import { KEY_WORDS } from "./key.ts";
import { readPacket } from "./read-packet.ts";

function read(bytes: Uint8Array, layer: Layer = LAYER_ETHERNET) {
  const words = new Uint32Array(2 * KEY_WORDS);
  const cursor = createCursor(words);
  cursor.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  cursor.end = bytes.length;
  readPacket(cursor, layer);
  return describePacket(words, 0);
}

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const inner = { ip: { source: "10.0.0.1", destination: "10.0.0.2" }, tcp: { destinationPort: 80 } };

describe("a packet's headers", () => {
  test("are told from Ethernet to TCP", () => {
    const plan = { source: "192.168.1.2", destination: "192.168.1.3", tos: 0xb8, ttl: 7, identification: 99 };
    expect(read(ethernet({}, ipv4(plan, tcp({ source: 1, destination: 65_535, flags: 0x12 }))))).toEqual({
      ethernet: { source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02", type: 0x0800 },
      ip: { version: 4, ...plan, protocol: 6, length: 40 },
      tcp: { sourcePort: 1, destinationPort: 65_535, flags: 0x12 },
    });
  });

  test.each([
    { name: "one tag", tags: [{ control: 0x600a }], vlans: [{ id: 10, priority: 3 }] },
    {
      name: "two tags (QinQ)",
      tags: [{ type: 0x88a8, control: 100 }, { control: 0xe0c8 }],
      vlans: [
        { id: 100, priority: 0 },
        { id: 200, priority: 7 },
      ],
    },
    {
      name: "three tags, of which two are told",
      tags: [{ type: 0x9100, control: 1 }, { control: 2 }, { control: 3 }],
      vlans: [
        { id: 1, priority: 0 },
        { id: 2, priority: 0 },
      ],
    },
  ])("are told behind $name", ({ tags, vlans }) => {
    expect(read(ethernet({ tags }, ipv4({}, tcp())))).toMatchObject({ vlans, ...inner });
  });

  test("are told behind LLC and SNAP, and not behind other LLC", () => {
    const snap = Buffer.concat([hex("aaaa03 000000 0800"), ipv4({}, tcp())]);
    expect(read(ethernet({ type: snap.length }, snap))).toMatchObject(inner);
    expect(read(ethernet({ type: 3 }, hex("424203 00000000000000")))).toEqual({
      ethernet: expect.objectContaining({ type: 3 }) as unknown,
    });
  });

  test("behind IPv4 options are found", () => {
    expect(read(ethernet({}, ipv4({ options: hex("01010101 01010101") }, tcp())))).toMatchObject(inner);
  });

  test.each([
    { name: "hop-by-hop options", next: 0, packet: extension(6, tcp(), 1) },
    { name: "routing and destination options", next: 43, packet: extension(60, extension(6, tcp())) },
    { name: "a first fragment", next: 44, packet: extension(6, tcp()) },
    { name: "an authentication header", next: 51, packet: Buffer.concat([hex("0604"), new Uint8Array(22), tcp()]) },
  ])("behind IPv6's $name are found", ({ next, packet }) => {
    expect(read(ethernet({ type: 0x86dd }, ipv6({ next, flowLabel: 0x12345, trafficClass: 9 }, packet)))).toMatchObject(
      {
        ip: { version: 6, source: "fd00::1", destination: "fd00::2", protocol: 6, flowLabel: 0x12345, tos: 9 },
        tcp: { sourcePort: 40_000, destinationPort: 80, flags: 0x10 },
      },
    );
  });

  test("of a later fragment have no ports", () => {
    const v4 = read(ethernet({}, ipv4({ fragment: 185 }, tcp())));
    expect(v4).toMatchObject({ ip: { fragment: true, protocol: 6 } });
    expect(v4.tcp).toBeUndefined();
    const fragment = Buffer.concat([hex("0600 0008 00000001"), tcp()]);
    const v6 = read(ethernet({ type: 0x86dd }, ipv6({ next: 44 }, fragment)));
    expect(v6).toMatchObject({ ip: { fragment: true, protocol: 6 } });
    expect(v6.tcp).toBeUndefined();
  });

  test.each([
    {
      name: "UDP",
      protocol: 17,
      payload: udp({ source: 5, destination: 53 }),
      told: { udp: { sourcePort: 5, destinationPort: 53, length: 8 } },
    },
    { name: "ICMP", protocol: 1, payload: hex("0301 0000"), told: { icmp: { type: 3, code: 1 } } },
    { name: "SCTP", protocol: 132, payload: hex("0001 0002 00000000"), told: { ports: { source: 1, destination: 2 } } },
    { name: "a protocol without ports", protocol: 89, payload: hex("02010030"), told: {} },
  ])("of $name are told", ({ protocol, payload, told }) => {
    const { ethernet: _, ip, ...rest } = read(ethernet({}, ipv4({ protocol }, payload)));
    expect(ip?.protocol).toBe(protocol);
    expect(rest).toEqual(told);
  });

  test("of ARP are sender, target and operation", () => {
    const arp = hex("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002");
    expect(read(ethernet({ type: 0x0806 }, arp))).toMatchObject({
      arp: { operation: 1, sender: "10.0.0.1", target: "10.0.0.2" },
    });
  });

  test.each([
    { name: "MPLS", layer: LAYER_MPLS, head: "0031 5040 0031 6140", told: { mplsLabel: 0x315 } },
    { name: "PPP", layer: LAYER_PPP, head: "0021", told: {} },
    { name: "PPP in HDLC's frame", layer: LAYER_PPP, head: "ff03 0021", told: {} },
    { name: "IPv4 alone", layer: LAYER_IPV4, head: "", told: {} },
  ])("are told behind $name", ({ layer, head, told }) => {
    expect(read(Buffer.concat([hex(head), ipv4({}, tcp())]), layer)).toMatchObject({ ...told, ...inner });
  });

  test("are not read from what pads the frame", () => {
    const padded = Buffer.concat([ethernet({}, ipv4({ length: 22 }, hex("0050 0051 00000000"))), new Uint8Array(18)]);
    expect(read(padded)).toMatchObject({ truncated: true });
    expect(read(padded).tcp).toBeUndefined();
  });

  test("are told when segmentation offload left the length at 0", () => {
    expect(read(ethernet({}, ipv4({ length: 0 }, tcp())))).toMatchObject({ ...inner, ip: { length: 0 } });
  });
});

describe("a tunnel's inner headers", () => {
  const frame = ethernet({ source: "02:00:00:00:00:0a" }, ipv4({ source: "172.16.0.1" }, tcp({ destination: 6379 })));
  const told = {
    ethernet: { source: "02:00:00:00:00:0a" },
    ip: { source: "172.16.0.1" },
    tcp: { destinationPort: 6379 },
  };

  test.each([
    { name: "VXLAN", port: 4789, payload: vxlan(5002, frame), tunnel: { kind: "vxlan", id: 5002 } },
    { name: "VXLAN on Linux's old port", port: 8472, payload: vxlan(1, frame), tunnel: { kind: "vxlan", id: 1 } },
    { name: "Geneve", port: 6081, payload: geneve(0xabcdef, frame), tunnel: { kind: "geneve", id: 0xabcdef } },
    {
      name: "Geneve with options",
      port: 6081,
      payload: geneve(7, frame, hex("0102 0301 00000000")),
      tunnel: { kind: "geneve", id: 7 },
    },
  ])("of $name are told with its number", ({ port, payload, tunnel }) => {
    const packet = read(ethernet({}, ipv4({ protocol: 17 }, udp({ destination: port }, payload))));
    expect(packet).toMatchObject({ ip: { source: "10.0.0.1" }, tunnel: { ...tunnel, inner: told } });
  });

  test.each([
    { name: "GRE", head: "0000 6558", tunnel: { kind: "gre" } },
    { name: "GRE with a key", head: "2000 6558 00000063", tunnel: { kind: "gre", id: 99 } },
    { name: "GRE with checksum, key and sequence", head: "b000 6558 00000000 00000063 00000001", tunnel: { id: 99 } },
  ])("of $name are told", ({ head, tunnel }) => {
    const packet = read(ethernet({}, ipv4({ protocol: 47 }, Buffer.concat([hex(head), frame]))));
    expect(packet).toMatchObject({ tunnel: { ...tunnel, inner: told } });
  });

  test("of GRE that carries IP, and of IP in IP, have no Ethernet", () => {
    const gre = read(ethernet({}, ipv4({ protocol: 47 }, Buffer.concat([hex("0000 86dd"), ipv6({}, tcp())]))));
    expect(gre.tunnel?.inner).toMatchObject({ ip: { version: 6 }, tcp: { destinationPort: 80 } });
    const ipInIp = read(ethernet({}, ipv4({ protocol: 4 }, ipv4({ source: "172.16.0.9" }, tcp()))));
    expect(ipInIp.tunnel).toMatchObject({ kind: "ip", inner: { ip: { source: "172.16.0.9" } } });
  });

  test("are of the first tunnel only", () => {
    const deep = ethernet({}, ipv4({ protocol: 17 }, udp({ destination: 4789 }, vxlan(2, frame))));
    const packet = read(ethernet({}, ipv4({ protocol: 17 }, udp({ destination: 4789 }, vxlan(1, deep)))));
    expect(packet.tunnel).toMatchObject({ id: 1, inner: { udp: { destinationPort: 4789 } } });
    expect(packet.tunnel?.inner.tunnel).toBeUndefined();
  });

  test("are not looked for where VXLAN's port carries something else, nor in PPTP", () => {
    expect(
      read(ethernet({}, ipv4({ protocol: 17 }, udp({ destination: 4789 }, hex("0000000000000000"))))),
    ).not.toHaveProperty("tunnel");
    expect(read(ethernet({}, ipv4({ protocol: 47 }, hex("3001 880b 0004 0001"))))).not.toHaveProperty("tunnel");
  });
});

describe("headers that break off", () => {
  const whole = ethernet(
    { tags: [{ control: 5 }] },
    ipv4(
      { protocol: 17, length: 0 },
      udp({ destination: 4789 }, vxlan(5002, ethernet({ type: 0x86dd }, ipv6({}, tcp())))),
    ),
  );

  test("are told up to where they break off, at every byte", () => {
    for (let length = 0; length < whole.length; length++) {
      const packet = read(whole.subarray(0, length));
      const isCut = packet.truncated === true || packet.tunnel?.inner.truncated === true;
      // The rest of a TCP header behind its flags says nothing that a key holds.
      expect([length, isCut]).toEqual([length, length < whole.length - 6]);
    }
    expect(read(whole.subarray(0, 40))).toMatchObject({
      vlans: [{ id: 5 }],
      ip: { destination: "10.0.0.2" },
      truncated: true,
    });
  });

  test("are told up to where they break off, inside IPv6's extensions as well", () => {
    const packet = ipv6({ next: 0 }, extension(43, extension(44, extension(6, tcp())), 1));
    for (let length = 0; length < packet.length; length++) {
      // Of nothing else but zeros, as of what lies behind a sampled header.
      const bytes = packet.slice(0, length);
      expect([length, read(bytes, LAYER_IPV6).truncated ?? false]).toEqual([length, length < packet.length - 6]);
    }
  });

  test.each([
    { name: "IPv4 of less than 20 bytes", bytes: ethernet({}, broken(0x44)) },
    { name: "IPv4 that says it is version 5", bytes: ethernet({}, broken(0x55)) },
    { name: "IPv6 that says it is version 4", bytes: ethernet({ type: 0x86dd }, new Uint8Array(40).fill(0x45)) },
    { name: "IPv4 that is shorter than its header", bytes: ethernet({}, ipv4({ length: 19 }, tcp())) },
    { name: "MPLS that carries neither", bytes: ethernet({ type: 0x8847 }, hex("00315140 f0000000")) },
  ])("are malformed: $name", ({ bytes }) => {
    expect(read(bytes)).toMatchObject({ malformed: true });
  });

  test("are malformed: extension headers without end", () => {
    const loop = Array.from({ length: 20 }).reduce<Uint8Array>((rest) => extension(60, rest), tcp());
    expect(read(ipv6({ next: 60 }, loop), LAYER_IPV6)).toMatchObject({ malformed: true });
  });
});

function broken(first: number): Uint8Array {
  const bytes = ipv4({}, tcp());
  bytes[0] = first;
  return bytes;
}
