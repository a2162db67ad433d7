import { HoldfastError, IpAddress, MacAddress } from "@holdfast/core";
import type { Action, FieldName, Match, RegisterName } from "./flow.ts";
import { macToNumber } from "./match-fields.ts";
import { ReservedPort } from "./protocol.ts";

/** The bridge's own port (OFPP_LOCAL), as {@link SwitchPort} numbers and matches show it. */
export const LOCAL_PORT = ReservedPort.local;

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const ICMPV6 = 58;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const NEIGHBOR_SOLICITATION = 135;
const NEIGHBOR_ADVERTISEMENT = 136;
const TARGET_LINK_LAYER_ADDRESS = 2;

/** Solicited and Override, not Router (RFC 4861 section 4.4). */
const SOLICITED_OVERRIDE = 0x6000_0000n;

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

const SOLICITATION: Match = { ethType: ETHERTYPE_IPV6, ipProto: ICMPV6, icmpType: NEIGHBOR_SOLICITATION, icmpCode: 0 };

/** Neighbour solicitations for an IPv6 address (RFC 4861 section 4.3); needs {@link solicitationWithoutAddress} above it. */
export function neighborSolicitation(target: IpAddress): Match {
  return { ...SOLICITATION, ndTarget: target };
}

/**
 * Neighbour solicitations that do not carry their sender's link-layer address: those of duplicate address detection (RFC 4862
 * section 5.4.2), and malformed ones.
 *
 * {@link neighborResponder} must not see them, because it turns that option into its answer's and cannot make one. So a flow with
 * this match belongs above those with {@link neighborSolicitation}. `nd_options_type` would say the same in one flow, but
 * the kernel's datapath does not know it.
 */
export const solicitationWithoutAddress: Match = { ...SOLICITATION, ndSll: MacAddress.parse("00:00:00:00:00:00") };

/**
 * First half of turning a neighbour solicitation into its advertisement: the target is at `mac`. Goes on in `replyTable`, which must
 * have a flow of {@link neighborReply}.
 *
 * Two halves, because Open vSwitch lets actions write the option of an advertisement only in a flow that matches advertisements.
 */
export function neighborResponder(mac: MacAddress, replyTable: number): readonly Action[] {
  return [
    { kind: "move", from: "eth_src", to: "eth_dst" },
    setMac("eth_src", mac),
    { kind: "move", from: "ipv6_src", to: "ipv6_dst" },
    { kind: "move", from: "nd_target", to: "ipv6_src" },
    { kind: "set-field", field: "ip_ttl", value: 255n },
    { kind: "set-field", field: "icmpv6_type", value: BigInt(NEIGHBOR_ADVERTISEMENT) },
    { kind: "set-field", field: "nd_reserved", value: SOLICITED_OVERRIDE },
    { kind: "set-field", field: "nd_options_type", value: BigInt(TARGET_LINK_LAYER_ADDRESS) },
    { kind: "resubmit", table: replyTable },
  ];
}

/** Second half, one flow for all targets: the answer's option is the sender of its frame. */
export const neighborReply: { readonly match: Match; readonly actions: readonly Action[] } = {
  match: { ethType: ETHERTYPE_IPV6, ipProto: ICMPV6, icmpType: NEIGHBOR_ADVERTISEMENT, icmpCode: 0 },
  actions: [{ kind: "move", from: "eth_src", to: "nd_tll" }, { kind: "output-in-port" }],
};

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
