import type { IpAddress, MacAddress } from "@holdfast/core";

/** What makes two flows the same flow in a switch. */
export interface FlowKey {
  readonly table: number;
  readonly priority: number;
  readonly match: Match;
}

/** One entry of a flow table. `String(…)` of it is {@link formatFlow}: what `ovs-ofctl dump-flows` would print. */
export interface Flow extends FlowKey {
  /** Marks the flow's owner and purpose; 64 bits. */
  readonly cookie: bigint;
  /** Empty: drop. */
  readonly actions: readonly Action[];
}

/** An exact value, or a value under a mask (bits of the mask that are 0 do not matter). */
export type Masked<T> = T | { readonly value: T; readonly mask: T };

/** Absent fields do not matter. Prerequisites (e.g. `ethType` for IP fields) must be given. Names follow ovs-fields(7). */
export interface Match {
  readonly inPort?: number;
  readonly ethSrc?: Masked<MacAddress>;
  readonly ethDst?: Masked<MacAddress>;
  readonly ethType?: number;
  /** 802.1Q id; `"none"`: untagged (vlan_tci=0x0000/0x1fff). */
  readonly vlan?: number | "none";
  readonly tunnelId?: bigint;
  readonly tunnelSource?: IpAddress;
  readonly registers?: Readonly<Partial<Record<RegisterName, Masked<number>>>>;
  readonly metadata?: Masked<bigint>;
  readonly ipSrc?: Masked<IpAddress>;
  readonly ipDst?: Masked<IpAddress>;
  readonly ipProto?: number;
  /** Time to live of IPv4, hop limit of IPv6. */
  readonly ipTtl?: number;
  readonly tcpSrc?: Masked<number>;
  readonly tcpDst?: Masked<number>;
  readonly udpSrc?: Masked<number>;
  readonly udpDst?: Masked<number>;
  readonly sctpSrc?: Masked<number>;
  readonly sctpDst?: Masked<number>;
  /** Flags of TCP, e.g. {@link NOT_SYN}. */
  readonly tcpFlags?: Masked<number>;
  /** What connection tracking knows of the packet's connection (CS_*), e.g. {@link connectionState}. */
  readonly ctState?: { readonly value: number; readonly mask: number };
  /** What the connection was committed with; 0 also of one that is not remembered. */
  readonly ctMark?: Masked<number>;
  /** Number of a conjunction whose clauses have all matched (ovs-fields(7), "Conjunctive Match Fields"). */
  readonly conjunction?: number;
  readonly arpOp?: number;
  readonly arpSpa?: Masked<IpAddress>;
  readonly arpTpa?: Masked<IpAddress>;
  readonly arpSha?: MacAddress;
  readonly arpTha?: MacAddress;
  readonly icmpType?: number;
  readonly icmpCode?: number;
  readonly ndTarget?: Masked<IpAddress>;
  readonly ndSll?: MacAddress;
  readonly ndTll?: MacAddress;
  /**
   * Type of the first link-layer option: 1 source, 2 target; needs `icmpType` 135 or 136. Only the userspace datapath (`netdev`)
   * knows it: in the kernel's it is always 0.
   */
  readonly ndOptionsType?: number;
  /**
   * Match fields of a dumped flow that no other member can say, as OXM TLVs in hexadecimal; encoded again as they were, so that a
   * flow somebody else made can be named and removed.
   */
  readonly opaque?: string;
}

export type RegisterName = `reg${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15}`;

/** A field that actions read or write, in the Nicira names, e.g. `"NXM_OF_ARP_SPA[]"`. */
export type FieldName =
  | "in_port"
  | "eth_src"
  | "eth_dst"
  | "tun_id"
  | "tun_src"
  | "tun_dst"
  | "tun_ipv6_src"
  | "tun_ipv6_dst"
  | "arp_op"
  | "arp_spa"
  | "arp_tpa"
  | "arp_sha"
  | "arp_tha"
  | "ip_src"
  | "ip_dst"
  | "ipv6_src"
  | "ipv6_dst"
  | "icmpv6_type"
  | "icmpv6_code"
  | "nd_target"
  | "nd_sll"
  | "nd_tll"
  | "nd_options_type"
  | "nd_reserved"
  | "ip_ttl"
  /** Six bits, in IPv4 and IPv6. */
  | "ip_dscp"
  | "metadata"
  /** Registers 8 to 11 as one field of 128 bits, the first of them highest. */
  | "xxreg2"
  | RegisterName;

export type Action =
  | { readonly kind: "output"; readonly port: number }
  /** Back where it came from (OFPP_IN_PORT). */
  | { readonly kind: "output-in-port" }
  /** To the port whose number stands in a register. */
  | { readonly kind: "output-register"; readonly register: RegisterName }
  | { readonly kind: "normal" }
  /** NXAST_RESUBMIT_TABLE. */
  | { readonly kind: "resubmit"; readonly table: number }
  /** Write a constant into a field; `value` is the field's number (MAC and addresses as big-endian numbers). */
  | { readonly kind: "set-field"; readonly field: FieldName; readonly value: bigint }
  /** Copy all bits of one field to another of the same width. */
  | { readonly kind: "move"; readonly from: FieldName; readonly to: FieldName }
  | { readonly kind: "push-vlan"; readonly vlan: number }
  | { readonly kind: "pop-vlan" }
  | { readonly kind: "dec-ttl" }
  /**
   * Follows an IPv4 packet's connection in a zone and translates addresses (ct with nat, ovs-actions(7)), in fragments and in what
   * ICMP says of the connection, too; then goes on in `table`. With a destination a new connection is remembered and goes there; without
   * one only packets of remembered connections are translated.
   */
  | { readonly kind: "translate"; readonly zone: number; readonly table: number; readonly destination?: IpAddress }
  /** Looks a packet's connection up in a zone (ct, ovs-actions(7)), then goes on in `table` with {@link Match.ctState}. */
  | { readonly kind: "track"; readonly zone: number; readonly table: number }
  /** Remembers the packet's connection in the zone that it was looked up in, with a mark (ct_mark) of 32 bits; absent: 0. */
  | { readonly kind: "commit"; readonly mark?: number }
  /** The flow is one of those of a clause: `clause` 1 to `of`, which is 2 to 64. Stands alone or with others of its kind. */
  | { readonly kind: "conjunction"; readonly id: number; readonly clause: number; readonly of: number }
  /** What is above the meter's rate ends here (OFPIT_METER); the first action of a flow, once. See {@link Meter}. */
  | { readonly kind: "meter"; readonly id: number }
  /** A copy for us, as the actions before have left the packet, unless the meter is used up (`controller` with `meter_id`, ovs-actions(7)). */
  | { readonly kind: "tell"; readonly meter: number }
  /** An action or instruction of a dumped flow that no other kind can say: its bytes in hexadecimal, encoded again as they were. */
  | { readonly kind: "opaque"; readonly layer: "action" | "instruction"; readonly bytes: string };
