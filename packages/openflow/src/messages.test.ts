import { IpAddress, MacAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import {
  addFlow,
  barrierRequest,
  bundleAdd,
  bundleControl,
  deleteFlow,
  echoReply,
  flowStatsRequest,
  flushConnection,
  hello,
  packetOut,
  portDescriptionRequest,
} from "./messages.ts";
import { BundleControl } from "./protocol.ts";

const ip = IpAddress.parse;

/** Bytes as hexadecimal groups with a comment each, so that a difference shows where it is. */
function bytes(...groups: readonly (readonly [hex: string, meaning: string])[]): string {
  return groups.map(([hex]) => hex.replaceAll(" ", "")).join("");
}

describe("a message to the switch", () => {
  test("hello offers OpenFlow 1.4 by a bitmap of versions", () => {
    expect(hello(1).toString("hex")).toBe(
      bytes(
        ["05 00 0010", "version 1.4, OFPT_HELLO, 16 bytes"],
        ["00000001", "xid"],
        ["0001 0008", "OFPHET_VERSIONBITMAP, 8 bytes"],
        ["00000020", "bit 5: version 0x05"],
      ),
    );
  });

  test("echo reply gives the payload back", () => {
    expect(echoReply(7, Buffer.from("abc")).toString("hex")).toBe(
      bytes(["05 03 000b 00000007", "OFPT_ECHO_REPLY, 11 bytes, xid 7"], ["616263", "payload"]),
    );
  });

  test("barrier and port description have no body of their own", () => {
    expect(barrierRequest(2).toString("hex")).toBe("0514000800000002");
    expect(portDescriptionRequest(3).toString("hex")).toBe(
      bytes(["05 12 0010 00000003", "OFPT_MULTIPART_REQUEST"], ["000d 0000 00000000", "OFPMP_PORT_DESC, no more, pad"]),
    );
  });

  test("a flow is added with its cookie, key, match and one instruction", () => {
    const message = addFlow({
      table: 2,
      priority: 100,
      cookie: 0x0102n,
      match: { inPort: 3, ethType: 0x0806, arpTpa: IpAddress.parse("10.20.0.7") },
      actions: [{ kind: "output", port: 9 }],
    });
    expect(message.toString("hex")).toBe(
      bytes(
        ["05 0e 0068", "OFPT_FLOW_MOD, 104 bytes"],
        ["00000000", "xid: set when it goes into a bundle"],
        ["0000000000000102", "cookie"],
        ["0000000000000000", "cookie mask: not used when adding"],
        ["02 00", "table 2, OFPFC_ADD"],
        ["0000 0000", "no idle, no hard timeout"],
        ["0064", "priority 100"],
        ["ffffffff", "OFP_NO_BUFFER"],
        ["ffffffff ffffffff", "any port, any group"],
        ["0000 0000", "no flags, importance 0"],
        ["0001 001a", "OFPMT_OXM, 26 bytes without padding"],
        ["80000004 00000003", "OXM_OF_IN_PORT, 4 bytes: 3"],
        ["80000a02 0806", "OXM_OF_ETH_TYPE, 2 bytes: ARP"],
        ["80002e04 0a140007", "OXM_OF_ARP_TPA, 4 bytes: 10.20.0.7"],
        ["000000000000", "padding to 8"],
        ["0004 0018 00000000", "OFPIT_APPLY_ACTIONS, 24 bytes, pad"],
        ["0000 0010", "OFPAT_OUTPUT, 16 bytes"],
        ["00000009", "port 9"],
        ["0000 000000000000", "max_len 0, pad"],
      ),
    );
  });

  test("a mask follows its value, doubles the length and cuts the value", () => {
    const match = {
      registers: { reg1: { value: 0x1234, mask: 0xff00 } },
      ethDst: { value: MacAddress.parse("01:02:03:04:05:06"), mask: MacAddress.parse("ff:ff:ff:ff:ff:ff") },
    };
    expect(deleteFlow({ table: 0, priority: 1, match }).subarray(48).toString("hex")).toBe(
      bytes(
        ["0001 001a", "OFPMT_OXM, 26 bytes"],
        ["80000606 010203040506", "OXM_OF_ETH_DST exactly: a mask of all ones is none"],
        ["00010308 00001200 0000ff00", "NXM_NX_REG1 with mask, 8 bytes"],
        ["000000000000", "padding to 8"],
      ),
    );
  });

  test("a flow is removed strictly, and without instructions", () => {
    expect(deleteFlow({ table: 1, priority: 5, match: {} }).toString("hex")).toBe(
      bytes(
        ["05 0e 0038 00000000", "OFPT_FLOW_MOD, 56 bytes"],
        ["0000000000000000 0000000000000000", "any cookie"],
        ["01 04 0000 0000 0005", "table 1, OFPFC_DELETE_STRICT, timeouts, priority 5"],
        ["ffffffff ffffffff ffffffff", "no buffer, any port, any group"],
        ["0000 0000", "flags, importance"],
        ["0001 0004 00000000", "OFPMT_OXM, empty: 4 bytes, padded to 8"],
      ),
    );
  });

  test("Nicira actions are experimenter actions", () => {
    const message = addFlow({
      table: 0,
      priority: 1,
      cookie: 0n,
      match: { vlan: "none" },
      actions: [
        { kind: "resubmit", table: 20 },
        { kind: "move", from: "eth_src", to: "nd_tll" },
        { kind: "output-register", register: "reg5" },
        { kind: "set-field", field: "nd_reserved", value: 0x6000_0000n },
        { kind: "set-field", field: "eth_src", value: 0x020000000099n },
        { kind: "push-vlan", vlan: 100 },
        { kind: "pop-vlan" },
        { kind: "dec-ttl" },
      ],
    });
    expect(message.subarray(48).toString("hex")).toBe(
      bytes(
        ["0001 000a 80000c02 0000 000000000000", "OXM_OF_VLAN_VID 0: OFPVID_NONE"],
        ["0004 0090 00000000", "OFPIT_APPLY_ACTIONS, 144 bytes"],
        ["ffff 0010 00002320 000e", "NXAST_RESUBMIT_TABLE, 16 bytes"],
        ["fff8 14 000000", "in_port OFPP_IN_PORT, table 20, pad"],
        ["ffff 0018 00002320 0006", "NXAST_REG_MOVE, 24 bytes"],
        ["0030 0000 0000", "48 bits, from bit 0, to bit 0"],
        ["80000806 80004206", "OXM_OF_ETH_SRC, OXM_OF_IPV6_ND_TLL"],
        ["ffff 0018 00002320 000f", "NXAST_OUTPUT_REG, 24 bytes"],
        ["001f 00010a04 0000 000000000000", "bits 0..31 of NXM_NX_REG5, max_len, zeros"],
        ["0019 0010 10000204 60000000 00000000", "OFPAT_SET_FIELD of ERICOXM_OF_ICMPV6_ND_RESERVED, pad"],
        ["0019 0010 80000806 020000000099 0000", "OFPAT_SET_FIELD of OXM_OF_ETH_SRC, pad"],
        ["0011 0008 8100 0000", "OFPAT_PUSH_VLAN 802.1Q"],
        ["0019 0010 80000c02 1064 000000000000", "OFPAT_SET_FIELD of OXM_OF_VLAN_VID: OFPVID_PRESENT | 100"],
        ["0012 0008 00000000", "OFPAT_POP_VLAN"],
        ["0018 0008 00000000", "OFPAT_DEC_NW_TTL"],
      ),
    );
  });

  test("a bundle is opened atomic and ordered, and its messages carry the xid of their envelope", () => {
    expect(bundleControl(9, 4, BundleControl.openRequest).toString("hex")).toBe(
      bytes(["05 21 0010 00000009", "OFPT_BUNDLE_CONTROL"], ["00000004 0000 0003", "bundle 4, open, ATOMIC | ORDERED"]),
    );
    const inner = barrierRequest(0);
    expect(bundleAdd(11, 4, inner).toString("hex")).toBe(
      bytes(
        ["05 22 0018 0000000b", "OFPT_BUNDLE_ADD_MESSAGE"],
        ["00000004 0000 0003", "bundle 4, pad, flags"],
        ["05 14 0008 0000000b", "the message, with the same xid"],
      ),
    );
  });

  test("a dump asks for all tables, narrowed by cookie", () => {
    expect(flowStatsRequest(5, 0xa0n, 0xf0n).toString("hex")).toBe(
      bytes(
        ["05 12 0038 00000005", "OFPT_MULTIPART_REQUEST, 56 bytes"],
        ["0001 0000 00000000", "OFPMP_FLOW, no more, pad"],
        ["ff 000000 ffffffff ffffffff 00000000", "all tables, any port, any group, pad"],
        ["00000000000000a0 00000000000000f0", "cookie, mask"],
        ["0001 0004 00000000", "empty match"],
      ),
    );
  });

  test("a frame goes out after its actions", () => {
    const frame = Uint8Array.of(0xde, 0xad);
    expect(packetOut(6, { frame, actions: [{ kind: "normal" }], inPort: 3 }).toString("hex")).toBe(
      bytes(
        ["05 0d 002a 00000006", "OFPT_PACKET_OUT, 42 bytes"],
        ["ffffffff 00000003", "no buffer, in port 3"],
        ["0010 000000000000", "16 bytes of actions, pad"],
        ["0000 0010 fffffffa 0000 000000000000", "OFPAT_OUTPUT to OFPP_NORMAL"],
        ["dead", "the frame"],
      ),
    );
  });

  test("a flow longer than a bundle's message can carry is refused before it is sent", () => {
    const ofLength = (count: number): Buffer => {
      const actions = Array.from({ length: count }, () => ({ kind: "dec-ttl" }) as const);
      return addFlow({ table: 0, priority: 1, cookie: 0n, match: {}, actions });
    };
    const longest = ofLength(8181);
    expect(longest).toHaveLength(65_512);
    expect(bundleAdd(1, 1, longest)).toHaveLength(65_528);
    expect(() => ofLength(8182)).toThrow("65520 bytes do not fit one OpenFlow message of 65519");
  });

  // As `ovs-ofctl ct-flush` of Open vSwitch 3.1 sends them.
  test.each([
    [
      "UDP over IPv4",
      { zone: 5, source: ip("10.0.0.1"), destination: ip("10.0.0.2"), protocol: 17, sourcePort: 1, destinationPort: 2 },
      bytes(
        ["05 04 0068 00000002 00002320 00000020", "OFPT_EXPERIMENTER, Nicira, NXT_CT_FLUSH"],
        ["11 00000000000000", "UDP"],
        ["0000 0048 00000000", "original tuple"],
        ["0000 0014 00000000000000000000ffff 0a000001 00000000", "source"],
        ["0001 0014 00000000000000000000ffff 0a000002 00000000", "destination"],
        ["0002 0008 0001 0000 0003 0008 0002 0000", "ports"],
        ["0002 0008 0005 0000", "zone"],
      ),
    ],
    [
      "TCP over IPv6",
      {
        zone: 33_000,
        source: ip("fd00::1"),
        destination: ip("fd00::2"),
        protocol: 6,
        sourcePort: 40_000,
        destinationPort: 443,
      },
      bytes(
        ["05 04 0068 00000002 00002320 00000020 06 00000000000000", "TCP"],
        ["0000 0048 00000000", "original tuple"],
        ["0000 0014 fd000000000000000000000000000001 00000000", "source"],
        ["0001 0014 fd000000000000000000000000000002 00000000", "destination"],
        ["0002 0008 9c40 0000 0003 0008 01bb 0000", "ports"],
        ["0002 0008 80e8 0000", "zone"],
      ),
    ],
    [
      // The tool says an empty reply as well.
      "ICMP",
      { zone: 7, source: ip("10.0.0.1"), destination: ip("10.0.0.2"), protocol: 1, icmp: { id: 77, type: 8, code: 0 } },
      bytes(
        ["05 04 0070 00000002 00002320 00000020 01 00000000000000", "ICMP"],
        ["0000 0050 00000000", "original tuple"],
        ["0000 0014 00000000000000000000ffff 0a000001 00000000", "source"],
        ["0001 0014 00000000000000000000ffff 0a000002 00000000", "destination"],
        ["0004 0008 004d 0000 0005 0005 08 000000 0006 0005 00 000000", "id, type, code"],
        ["0002 0008 0007 0000", "zone"],
      ),
    ],
    [
      "a whole zone",
      { zone: 33_000 },
      bytes(["05 04 0020 00000002 00002320 00000020 00 00000000000000", "any"], ["0002 0008 80e8 0000", "zone"]),
    ],
  ])("forgets a connection of %s", (_, tuple, expected) => {
    expect(flushConnection(2, tuple).toString("hex")).toBe(expected);
  });
});
