import { IpAddress, MacAddress } from "@holdfast/core";
import {
  arpRequest,
  arpResponder,
  LOCAL_PORT,
  neighborSolicitation,
  setAddress,
  setMac,
  setRegister,
  vxlanOutput,
} from "../builders.ts";
import { connectionState, NOT_SYN } from "../connections.ts";
import type { Action, Flow, Match } from "../flow.ts";
import type { Meter } from "../meter.ts";

const ip = IpAddress.parse;
const mac = MacAddress.parse;
const host = mac("02:64:0a:14:00:07");
const multicast = mac("01:00:00:00:00:00");
const ipv4 = { ethType: 0x0800 };
const ipv6 = { ethType: 0x86dd };
const arp = { ethType: 0x0806 };
const advertisement = { ...ipv6, ipProto: 58, icmpType: 136, icmpCode: 0 };

/** That some of the flows name: it has to be there before. */
export const SAMPLE_METER: Meter = { id: 1000, unit: "kilobits", rate: 40_000, burst: 1024 };

const CASES: readonly (readonly [Match, ...Action[]])[] = [
  [{}],
  [{}, { kind: "normal" }],
  [{ inPort: 3 }, { kind: "output", port: 7 }, { kind: "output", port: LOCAL_PORT }],
  [{ inPort: LOCAL_PORT }, { kind: "output-in-port" }],
  [{ vlan: 100 }, { kind: "pop-vlan" }, { kind: "output-register", register: "reg3" }],
  [{ vlan: "none" }, { kind: "push-vlan", vlan: 100 }, { kind: "output", port: 1 }],
  [{ vlan: 0 }, { kind: "resubmit", table: 20 }],
  [
    { ethSrc: host, ethDst: mac("ff:ff:ff:ff:ff:ff") },
    { kind: "resubmit", table: 0 },
  ],
  [{ ethDst: { value: multicast, mask: multicast } }],
  [{ ethDst: { value: mac("33:33:12:34:56:78"), mask: mac("ff:ff:00:00:00:00") } }],
  [{ ethSrc: { value: host, mask: mac("ff:ff:ff:ff:ff:ff") } }],
  [{ ethType: 0x88cc }],
  [{ ethType: 0x8035 }],
  [{ ethType: 0x8847 }],
  [{ tunnelId: 5001n, tunnelSource: ip("192.0.2.1") }],
  [{ tunnelId: 0n, tunnelSource: ip("2001:db8::1") }],
  [{ registers: { reg0: 0, reg7: 0xffff_ffff } }],
  [{ registers: { reg1: { value: 0x1234, mask: 0xff00 }, reg2: { value: 1, mask: 0 } } }],
  [{ metadata: 0n }],
  [{ metadata: { value: 0x1_0000_0000n, mask: 0xffff_ffff_0000_0000n } }],
  [{ ...ipv4 }, { kind: "dec-ttl" }, { kind: "output", port: 2 }],
  [{ ...ipv4, ipSrc: ip("10.1.2.3"), ipDst: { value: ip("10.20.30.40"), mask: ip("255.255.0.0") } }],
  [{ ...ipv4, ipDst: { value: ip("10.20.30.40"), mask: ip("255.0.0.255") } }],
  [{ ...ipv4, ipDst: { value: ip("10.20.30.40"), mask: ip("0.0.0.0") } }],
  [{ ...ipv4, ipProto: 47 }],
  [{ ...ipv4, ipProto: 132 }],
  [{ ...ipv4, ipProto: 6, tcpSrc: 0, tcpDst: 443 }],
  [{ ...ipv4, ipProto: 6, tcpDst: { value: 0x1f9f, mask: 0xff00 } }],
  [{ ...ipv4, ipProto: 17, udpSrc: { value: 68, mask: 0xfffe }, udpDst: 67 }],
  [{ ...ipv4, ipProto: 1, icmpType: 8, icmpCode: 0 }],
  [{ ...ipv6, ipSrc: ip("fe80::1"), ipDst: { value: ip("ff02::1:ff00:7"), mask: ip("ffff::") } }],
  [{ ...ipv6, ipDst: { value: ip("2001:db8::1234"), mask: ip("ffff::ffff") } }],
  [{ ...ipv6, ipSrc: ip("::ffff:10.0.0.1"), ipDst: ip("::10.0.0.1") }],
  [{ ...ipv6, ipSrc: ip("::1"), ipDst: ip("1:0:0:2:0:0:0:3") }],
  [{ ...ipv6, ipProto: 6, tcpDst: 22 }],
  [{ ...ipv6, ipProto: 17, udpDst: 53 }],
  [{ ...ipv6, ipProto: 89 }],
  [{ ...ipv6, ipProto: 58, icmpType: 128 }, { kind: "dec-ttl" }],
  [arpRequest(ip("10.20.0.7")), ...arpResponder(ip("10.20.0.7"), host)],
  [{ ...arp, arpOp: 2, arpSpa: { value: ip("10.20.0.9"), mask: ip("255.255.255.0") }, arpSha: host, arpTha: host }],
  [{ ...arp, arpTpa: ip("10.20.0.1") }, { kind: "move", from: "arp_sha", to: "eth_dst" }, { kind: "output-in-port" }],
  [
    neighborSolicitation(ip("fd00:20::7")),
    { kind: "move", from: "eth_src", to: "eth_dst" },
    setMac("eth_src", host),
    { kind: "move", from: "ipv6_src", to: "ipv6_dst" },
    { kind: "move", from: "nd_target", to: "ipv6_src" },
    { kind: "set-field", field: "ip_ttl", value: 255n },
    { kind: "set-field", field: "icmpv6_type", value: 136n },
    { kind: "set-field", field: "nd_reserved", value: 0x6000_0000n },
    { kind: "set-field", field: "nd_options_type", value: 2n },
    { kind: "resubmit", table: 30 },
  ],
  [advertisement, { kind: "move", from: "eth_src", to: "nd_tll" }, { kind: "output-in-port" }],
  [{ ...advertisement, ndTll: host, ndTarget: { value: ip("fd00:20::7"), mask: ip("ffff:ffff::") } }],
  [{ ...neighborSolicitation(ip("fd00:20::7")), ndSll: host, ndOptionsType: 1 }, setMac("nd_sll", host)],
  [{ ...ipv6, ipProto: 58, icmpType: 135, icmpCode: 0, ndSll: mac("00:00:00:00:00:00") }, { kind: "normal" }],
  [{ tunnelId: 7n }, ...vxlanOutput({ vni: 5001, remote: ip("192.0.2.9"), port: 4 })],
  [{ tunnelId: 8n }, ...vxlanOutput({ vni: 0, remote: ip("2001:db8::9"), port: 4 })],
  [
    { inPort: 9 },
    setRegister("reg0", 0),
    setRegister("reg6", 0xdead),
    { kind: "set-field", field: "metadata", value: 0x100n },
    { kind: "set-field", field: "in_port", value: 0n },
    { kind: "move", from: "reg0", to: "reg1" },
    { kind: "move", from: "metadata", to: "tun_id" },
    { kind: "move", from: "tun_src", to: "tun_dst" },
    { kind: "move", from: "tun_ipv6_src", to: "tun_ipv6_dst" },
    { kind: "move", from: "in_port", to: "in_port" },
    setAddress("tun_src", ip("192.0.2.3")),
  ],
  [
    { ...ipv4, ipProto: 17 },
    setAddress("ip_src", ip("10.0.0.1")),
    { kind: "move", from: "ip_src", to: "ip_dst" },
    { kind: "set-field", field: "ip_ttl", value: 64n },
    { kind: "move", from: "ip_ttl", to: "ip_ttl" },
  ],
  [
    { ...ipv6, ipProto: 58, icmpType: 135 },
    setAddress("nd_target", ip("fd00::1")),
    setAddress("ipv6_dst", ip("::ffff:10.0.0.1")),
    { kind: "move", from: "nd_options_type", to: "icmpv6_code" },
    { kind: "set-field", field: "icmpv6_code", value: 0n },
    { kind: "move", from: "nd_reserved", to: "reg4" },
    { kind: "move", from: "nd_sll", to: "eth_src" },
  ],
  [
    { ...ipv4, inPort: 5 },
    { kind: "translate", zone: 1000, table: 60, destination: ip("10.20.0.5") },
  ],
  [
    { ...ipv4, inPort: 6 },
    { kind: "translate", zone: 65_000, table: 60 },
  ],
  [
    { ...ipv4, inPort: 7 },
    { kind: "track", zone: 33_000, table: 13 },
  ],
  [{ ...ipv6, ctState: connectionState("+trk", "+new", "-rel") }, { kind: "commit" }, setRegister("reg15", 7)],
  [
    { ...ipv4, ctState: connectionState("+est"), ipProto: 6, tcpFlags: NOT_SYN, tcpSrc: 5 },
    { kind: "move", from: "ip_src", to: "reg8" },
  ],
  [
    { ...ipv6, ipProto: 6, tcpFlags: 0x012 },
    { kind: "move", from: "ipv6_src", to: "xxreg2" },
  ],
  [{ ...ipv4, ipProto: 132, sctpSrc: { value: 0x100, mask: 0xff00 }, sctpDst: 9, registers: { reg12: 1 } }],
  [
    { registers: { reg8: { value: 0x0a000000, mask: 0xff000000 } } },
    { kind: "conjunction", id: 7, clause: 1, of: 2 },
    { kind: "conjunction", id: 8, clause: 3, of: 3 },
  ],
  [
    { ...ipv4, ctState: connectionState("+new") },
    { kind: "commit", mark: 7 },
  ],
  [{ conjunction: 7, metadata: 1n }, { kind: "normal" }],
  [
    { ...ipv4, inPort: 8 },
    { kind: "set-field", field: "ip_dscp", value: 46n },
    { kind: "resubmit", table: 11 },
  ],
  [
    { ...ipv6, inPort: 8 },
    { kind: "set-field", field: "ip_dscp", value: 0n },
  ],
  [
    { inPort: 9, vlan: "none" },
    { kind: "meter", id: SAMPLE_METER.id },
    setRegister("reg0", 7),
    { kind: "resubmit", table: 5 },
  ],
  [{ ...ipv4, ctState: connectionState("+trk"), ctMark: 0 }],
  [{ ...ipv6, ctMark: { value: 2, mask: 3 } }, { kind: "normal" }],
  [{ inPort: 11 }, { kind: "tell", meter: SAMPLE_METER.id }, setRegister("reg0", 1)],
  [{ inPort: 10 }, { kind: "meter", id: SAMPLE_METER.id }],
];

/** Flows with every field and action that we can express, each in a table, priority or match of its own. */
export const SAMPLE_FLOWS: readonly Flow[] = CASES.map(([match, ...actions], index) => ({
  table: index % 3 === 0 ? 0 : index,
  priority: index % 4 === 0 ? 32_768 - index : index % 4 === 1 ? 32_768 : 1000 + index,
  cookie: index % 5 === 0 ? 0n : 0xab00_0000_0000_0000n + BigInt(index),
  match,
  actions,
}));
