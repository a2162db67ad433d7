import { HoldfastError, IpAddress, type MacAddress } from "@holdfast/core";
import type { Action, FieldName, Match, RegisterName } from "./flow.ts";
import { macToNumber } from "./match-fields.ts";
import { ReservedPort } from "./protocol.ts";

/** The bridge's own port (OFPP_LOCAL), as {@link SwitchPort} numbers and matches show it. */
export const LOCAL_PORT = ReservedPort.local;

/** The "port" that sends a frame to us (OFPP_CONTROLLER), whole. */
export const CONTROLLER_PORT = ReservedPort.controller;

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const ICMPV6 = 58;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const NEIGHBOR_SOLICITATION = 135;

/** Writes an address into a field that holds one, e.g. `setAddress("tun_dst", host)`. */
export function setAddress(field: FieldName, address: IpAddress): Action {
  return { kind: "set-field", field, value: IpAddress.toBigInt(address) };
}

export function setMac(
  field: "eth_src" | "eth_dst" | "arp_sha" | "arp_tha" | "nd_sll" | "nd_tll",
  mac: MacAddress,
): Action {
  return { kind: "set-field", field, value: macToNumber(mac) };
}

export function setRegister(register: RegisterName, value: number): Action {
  return { kind: "set-field", field: register, value: BigInt(value) };
}

/** ARP requests for an IPv4 address (RFC 826). Probes (RFC 5227), whose sender is 0.0.0.0, are requests too. */
export function arpRequest(target: IpAddress): Match {
  return { ethType: ETHERTYPE_ARP, arpOp: ARP_REQUEST, arpTpa: target };
}

/** Turns an ARP request into its reply, in place, and sends it back: `address` is at `mac`. */
export function arpResponder(address: IpAddress, mac: MacAddress): readonly Action[] {
  return [
    { kind: "move", from: "eth_src", to: "eth_dst" },
    setMac("eth_src", mac),
    { kind: "set-field", field: "arp_op", value: BigInt(ARP_REPLY) },
    { kind: "move", from: "arp_sha", to: "arp_tha" },
    setMac("arp_sha", mac),
    { kind: "move", from: "arp_spa", to: "arp_tpa" },
    setAddress("arp_spa", address),
    { kind: "output-in-port" },
  ];
}

/**
 * Neighbour solicitations for an IPv6 address (RFC 4861 section 4.3). Those of duplicate address detection (RFC 4862 section 5.4.2) are
 * solicitations too.
 */
export function neighborSolicitation(target: IpAddress): Match {
  return {
    ethType: ETHERTYPE_IPV6,
    ipProto: ICMPV6,
    icmpType: NEIGHBOR_SOLICITATION,
    icmpCode: 0,
    ndTarget: target,
  };
}

/**
 * Sends through a tunnel port whose interface has `options:key=flow` and `options:remote_ip=flow`.
 *
 * @throws HoldfastError `invalid_argument` when the VNI has more than 24 bits (RFC 7348 section 5).
 */
export function vxlanOutput(tunnel: {
  readonly vni: number;
  readonly remote: IpAddress;
  readonly port: number;
}): readonly Action[] {
  if (!Number.isInteger(tunnel.vni) || tunnel.vni < 0 || tunnel.vni >= 2 ** 24) {
    throw new HoldfastError("invalid_argument", `not a VXLAN network identifier: ${tunnel.vni}`);
  }
  const field = IpAddress.family(tunnel.remote) === "v4" ? "tun_dst" : "tun_ipv6_dst";
  return [
    { kind: "set-field", field: "tun_id", value: BigInt(tunnel.vni) },
    setAddress(field, tunnel.remote),
    { kind: "output", port: tunnel.port },
  ];
}
