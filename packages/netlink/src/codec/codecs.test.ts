import { IpAddress, MacAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";

import { createAddressRequest, decodeAddress } from "./address.ts";
import { concatenate, parseAttributes } from "./attributes.ts";
import { createVethRequest, decodeLink, setLinkRequest } from "./link.ts";
import { decodeMessages, decodeOutcome, encodeMessage, Flag } from "./message.ts";
import { decodeNeighbour, replaceNeighbourRequest } from "./neighbour.ts";
import { decodeRoute, deleteRouteRequest, replaceRouteRequest } from "./route.ts";

/** Bytes from hex with a remark after each field: `"0800 length, 0100 type"`. */
function bytes(...fields: readonly string[]): Uint8Array {
  return Uint8Array.from(Buffer.from(fields.map((field) => field.split(" ", 1)[0]).join(""), "hex"));
}

const ip = (text: string): IpAddress => IpAddress.parse(text);
const mac = MacAddress.parse("02:00:0a:01:00:02");

describe("messages", () => {
  test("have a header of 16 bytes", () => {
    expect(encodeMessage({ type: 18, flags: Flag.dump, body: [bytes("11000000")] }, 7)).toEqual(
      bytes(
        "14000000 length 20",
        "1200 RTM_GETLINK",
        "0103 request, dump",
        "07000000 sequence",
        "00000000 port id",
        "11000000",
      ),
    );
  });

  test("are read one after the other, padded to 4 bytes, up to one whose length is broken", () => {
    // biome-ignore format: one message a line
    const datagram = bytes(
      "11000000 length 17", "0300 done", "1000 interrupted", "05000000 sequence", "00000000 port id", "aa body", "000000 padding",
      "10000000 length 16", "1000 RTM_NEWLINK", "0000 flags", "06000000 sequence", "00000000 port id",
      "ff000000 length beyond the end", "1000 type", "0000 flags", "07000000 sequence", "00000000 port id",
    );
    expect(decodeMessages(datagram)).toEqual([
      { type: 3, flags: Flag.dumpInterrupted, sequence: 5, body: bytes("aa") },
      { type: 16, flags: 0, sequence: 6, body: new Uint8Array() },
    ]);
  });

  test("of refusal carry errno and, after the request's header, the kernel's own words", () => {
    // biome-ignore format: one struct a line
    const body = bytes(
      "9bffffff minus 101",
      "30000000 length of the request", "1800 RTM_NEWROUTE", "0505 flags", "09000000 sequence", "01000000 port id",
      "0e00 length 14", "0100 NLMSGERR_ATTR_MSG", "6e6f20676174653f6100 text", "0000 padding",
    );
    const capped = { type: 2, flags: Flag.capped | Flag.ackAttributes, sequence: 9, body };
    expect(decodeOutcome(capped)).toEqual({ errno: 101, explanation: "no gate?a" });
    expect(decodeOutcome({ ...capped, flags: Flag.capped })).toEqual({ errno: 101 });
    const echoed = concatenate([
      bytes("9bffffff", "14000000 length 20", "1800", "0505", "09000000", "01000000", "deadbeef the request's body"),
      bytes("0700 length 7", "0100 NLMSGERR_ATTR_MSG", "6e6f00 text", "00 padding"),
    ]);
    expect(decodeOutcome({ ...capped, flags: Flag.ackAttributes, body: echoed })).toEqual({
      errno: 101,
      explanation: "no",
    });
  });

  test("of success and of a dump's end carry errno 0", () => {
    expect(decodeOutcome({ type: 2, flags: Flag.capped, sequence: 1, body: new Uint8Array(20) })).toEqual({ errno: 0 });
    expect(decodeOutcome({ type: 3, flags: 0, sequence: 1, body: bytes("00000000") })).toEqual({ errno: 0 });
    const refusal = bytes("feffffff minus 2", "0700 length 7", "0100 NLMSGERR_ATTR_MSG", "6e6f00 text", "00 padding");
    expect(decodeOutcome({ type: 3, flags: Flag.ackAttributes, sequence: 1, body: refusal })).toEqual({
      errno: 2,
      explanation: "no",
    });
  });
});

describe("attributes", () => {
  test("end at a length that is broken", () => {
    const good = bytes("0500 length 5", "0180 type 1, nested", "aa", "000000 padding");
    for (const bad of [
      bytes("0300 length below the head", "0200 type"),
      bytes("0900 length 9", "0200 type", "bbbbbbbb"),
    ]) {
      expect([...parseAttributes(concatenate([good, bad]))]).toEqual([[1, bytes("aa")]]);
    }
  });
});

describe("links", () => {
  test("are made as a pair, the other end in another namespace", () => {
    const request = createVethRequest({
      name: "h1",
      peer: "eth0",
      peerMac: mac,
      peerNamespace: 9,
      mtu: 1450,
      up: true,
    });
    expect(request).toMatchObject({ type: 16, flags: 0x0604 }); // RTM_NEWLINK, create | exclusive | ack
    expect(concatenate(request.body)).toEqual(
      // biome-ignore format: one struct a line
      bytes(
        "00 AF_UNSPEC", "00 padding", "0000 hardware type", "00000000 index", "01000000 IFF_UP", "01000000 to change",
        "0700 length 7", "0300 IFLA_IFNAME", "683100 h1", "00 padding",
        "0800 length 8", "0400 IFLA_MTU", "aa050000 1450",
        "5000 length 80", "1280 IFLA_LINKINFO, nested",
        "0900 length 9", "0100 IFLA_INFO_KIND", "7665746800 veth", "000000 padding",
        "4000 length 64", "0280 IFLA_INFO_DATA, nested",
        "3c00 length 60", "0180 VETH_INFO_PEER, nested",
        "00 AF_UNSPEC", "00 padding", "0000 hardware type", "00000000 index", "00000000 flags", "00000000 to change",
        "0900 length 9", "0300 IFLA_IFNAME", "6574683000 eth0", "000000 padding",
        "0800 length 8", "0400 IFLA_MTU", "aa050000 1450",
        "0a00 length 10", "0100 IFLA_ADDRESS", "02000a010002", "0000 padding",
        "0800 length 8", "1c00 IFLA_NET_NS_FD", "09000000 descriptor 9",
      ),
    );
  });

  test("are changed in what is named", () => {
    expect(concatenate(setLinkRequest({ index: 5, up: false, alias: "hf", master: 0 }).body)).toEqual(
      // biome-ignore format: one struct a line
      bytes(
        "00 AF_UNSPEC", "00 padding", "0000 hardware type", "05000000 index", "00000000 not IFF_UP", "01000000 IFF_UP changes",
        "0600 length 6", "1400 IFLA_IFALIAS", "6866 hf, no zero byte", "0000 padding",
        "0800 length 8", "0a00 IFLA_MASTER", "00000000 none",
      ),
    );
    expect(concatenate(setLinkRequest({ index: 5, alias: "" }).body)).toEqual(
      bytes(
        "0000000005000000 index",
        "00000000 flags",
        "00000000 nothing to change",
        "0400 length 4",
        "1400 IFLA_IFALIAS",
      ),
    );
  });

  test("are read with kind, peer, master and alias", () => {
    // biome-ignore format: one struct a line
    const body = bytes(
      "00 AF_UNSPEC", "00 padding", "0100 ARPHRD_ETHER", "07000000 index", "43100100 up, lower up", "00000000 changed",
      "0700 length 7", "0300 IFLA_IFNAME", "683100 h1", "00 padding",
      "0800 length 8", "0400 IFLA_MTU", "aa050000 1450",
      "0a00 length 10", "0100 IFLA_ADDRESS", "02000a010002", "0000 padding",
      "0800 length 8", "0500 IFLA_LINK", "02000000 peer 2",
      "0800 length 8", "0a00 IFLA_MASTER", "04000000 master 4",
      "0800 length 8", "2500 IFLA_LINK_NETNSID", "00000000 id 0",
      "0700 length 7", "1400 IFLA_IFALIAS", "686600 hf", "00 padding",
      "1000 length 16", "1280 IFLA_LINKINFO", "0900 length 9", "0100 IFLA_INFO_KIND", "7665746800 veth", "000000 padding",
    );
    const link = { index: 7, name: "h1", kind: "veth", mac, mtu: 1450, up: true, carrier: true };
    expect(decodeLink(body)).toEqual({
      family: 0,
      peerNamespaceId: 0,
      link: { ...link, peer: 2, master: 4, alias: "hf" },
    });
  });

  test("without Ethernet have no MAC, and only a veth has a peer", () => {
    // biome-ignore format: one struct a line
    const body = bytes(
      "0000", "0403 ARPHRD_LOOPBACK", "01000000 index", "09000000 up, loopback", "00000000 changed",
      "0a00 length 10", "0100 IFLA_ADDRESS", "000000000000", "0000 padding",
      "0800 length 8", "0500 IFLA_LINK", "02000000 parent 2",
    );
    expect(decodeLink(body).link).toEqual({ index: 1, name: "", mtu: 0, up: true, carrier: false });
  });
});

describe("addresses", () => {
  test("of IPv4 are our end and, without a peer, the far end", () => {
    expect(concatenate(createAddressRequest({ index: 3, address: ip("10.1.0.2"), length: 24 }).body)).toEqual(
      // biome-ignore format: one struct a line
      bytes(
        "02 AF_INET", "18 length 24", "00 flags", "00 scope", "03000000 index",
        "0800 length 8", "0200 IFA_LOCAL", "0a010002",
        "0800 length 8", "0100 IFA_ADDRESS", "0a010002",
      ),
    );
  });

  test("of IPv6 are not checked for duplicates", () => {
    const encoded = concatenate(createAddressRequest({ index: 3, address: ip("fd00::2"), length: 64 }).body);
    expect(encoded.slice(-8)).toEqual(bytes("0800 length 8", "0800 IFA_FLAGS", "02000000 IFA_F_NODAD"));
    expect(decodeAddress(encoded)).toEqual({ index: 3, address: "fd00::2", length: 64 });
  });

  test("are read as our end of a point-to-point link", () => {
    // biome-ignore format: one struct a line
    const body = bytes(
      "02 AF_INET", "20 length 32", "80 permanent", "00 scope", "03000000 index",
      "0800 length 8", "0100 IFA_ADDRESS", "0a010001 the far end",
      "0800 length 8", "0200 IFA_LOCAL", "0a010002 ours",
    );
    expect(decodeAddress(body)).toEqual({ index: 3, address: "10.1.0.2", length: 32 });
    expect(decodeAddress(bytes("1c AF_MPLS", "00", "00", "00", "03000000"))).toBeUndefined();
  });
});

describe("routes", () => {
  const route = { prefix: "10.2.0.0/16", nextHop: ip("10.1.0.1"), index: 3, protocol: 253, metric: 7, mtu: 1400 };
  // biome-ignore format: one struct a line
  const encoded = bytes(
    "02 AF_INET", "10 length 16", "00 source length", "00 tos", "fe main", "fd protocol 253", "00 global", "01 unicast", "00000000 flags",
    "0800 length 8", "0100 RTA_DST", "0a020000",
    "0800 length 8", "0500 RTA_GATEWAY", "0a010001",
    "0800 length 8", "0400 RTA_OIF", "03000000",
    "0800 length 8", "0600 RTA_PRIORITY", "07000000",
    "0c00 length 12", "0880 RTA_METRICS, nested", "0800 length 8", "0200 RTAX_MTU", "78050000 1400",
  );

  test("are written and read", () => {
    expect(concatenate(replaceRouteRequest(route).body)).toEqual(encoded);
    expect(replaceRouteRequest(route)).toMatchObject({ type: 24, flags: 0x0504 }); // RTM_NEWROUTE, create | replace | ack
    expect(decodeRoute(encoded)).toEqual(route);
  });

  test("to a link have its scope in IPv4, and none in IPv6", () => {
    expect(concatenate(replaceRouteRequest({ prefix: "10.2.0.0/16", index: 3, protocol: 253 }).body)[6]).toBe(253);
    expect(concatenate(replaceRouteRequest({ prefix: "fd00::/64", index: 3, protocol: 253 }).body)[6]).toBe(0);
    const host = { prefix: "10.2.0.1/32", index: 3, protocol: 253, scope: "host" } as const;
    expect(decodeRoute(concatenate(replaceRouteRequest(host).body))).toEqual(host);
  });

  test("over a next hop of the other family use RTA_VIA", () => {
    const mixed = { prefix: "0.0.0.0/0", nextHop: ip("fd00::1"), index: 3, protocol: 253 };
    const body = concatenate(replaceRouteRequest(mixed).body);
    expect(body.slice(12, 34)).toEqual(
      bytes("1600 length 22", "1200 RTA_VIA", "0a00 AF_INET6", "fd000000000000000000000000000001"),
    );
    expect(decodeRoute(body)).toEqual(mixed);
  });

  test("of IPv6 without a metric have the kernel's, which is read as none", () => {
    const six = { prefix: "fd01::/64", nextHop: ip("fd00::1"), index: 3, protocol: 253 };
    const body = concatenate(replaceRouteRequest(six).body);
    expect(body.slice(-4)).toEqual(bytes("00040000 1024"));
    expect(decodeRoute(body)).toEqual(six);
  });

  test("are removed by prefix, next hop, link, metric and protocol, in any scope", () => {
    const body = concatenate(deleteRouteRequest(route).body);
    expect(body[6]).toBe(255);
    expect(body.length).toBe(encoded.length - 12);
  });

  test("that are not unicast in the main table are not ours to see", () => {
    for (const [offset, value] of [
      [0, 28], // AF_MPLS
      [4, 255], // local table
      [7, 6], // blackhole
      [9, 2], // RTM_F_CLONED
    ] as const) {
      expect(decodeRoute(encoded.with(offset, value)), `byte ${offset}`).toBeUndefined();
    }
  });
});

describe("neighbours", () => {
  const neighbour = { index: 3, address: ip("10.1.0.2"), mac, state: "permanent" } as const;
  // biome-ignore format: one struct a line
  const encoded = bytes(
    "02 AF_INET", "000000 padding", "03000000 index", "8000 NUD_PERMANENT", "00 flags", "00 type",
    "0800 length 8", "0100 NDA_DST", "0a010002",
    "0a00 length 10", "0200 NDA_LLADDR", "02000a010002", "0000 padding",
  );

  test("are written and read", () => {
    expect(concatenate(replaceNeighbourRequest(neighbour).body)).toEqual(encoded);
    expect(decodeNeighbour(encoded)).toEqual(neighbour);
  });

  test("have a state, and a MAC only when they were found", () => {
    for (const [state, name] of [
      [0x02, "reachable"],
      [0x04, "stale"],
      [0x08, "other"],
    ] as const) {
      expect(decodeNeighbour(encoded.with(8, state))).toEqual({ ...neighbour, state: name });
    }
    expect(decodeNeighbour(encoded.slice(0, 20).with(8, 0x20))).toEqual({
      index: 3,
      address: "10.1.0.2",
      state: "other",
    });
  });

  test("of multicast and of bridges are left out", () => {
    expect(decodeNeighbour(encoded.with(8, 0x40))).toBeUndefined();
    expect(decodeNeighbour(encoded.with(0, 7))).toBeUndefined();
  });
});
