import type { Action, Flow, FlowKey, Match } from "@holdfast/openflow";
import { setRegister } from "@holdfast/openflow";

/** Tables of the integration bridge, in the order a frame may pass them. */
export const TableId = {
  classify: 0,
  secondMeter: 5,
  sourceGuard: 10,
  neighbourGuard: 11,
  policyEgress: 12,
  policyEgressState: 13,
  policyHosts: 14,
  policyPrefixes: 15,
  policyRealms: 16,
  policyRules: 17,
  policyCounters: 18,
  policyPickedUp: 19,
  neighbourResponder: 20,
  sendBack: 21,
  policyEgressBegun: 25,
  policyEgressCounted: 26,
  destination: 30,
  policyIngress: 35,
  policyIngressState: 36,
  policyIngressBegun: 37,
  policyIngressCounted: 38,
  delivery: 39,
  floodLocal: 40,
  floodRemote: 50,
  access: 60,
} as const;

/** OpenFlow ports that every integration bridge of ours has, or may have. Interfaces and gateways are numbered above. */
export const FixedPort = { uplink: 1, tunnel: 2, access: 3 } as const;
export const FIRST_NUMBER = 1000;
/** OFPP_MAX of Open vSwitch is 0xff00. */
export const LAST_NUMBER = 65_000;

/** Where a frame has come from, in {@link SOURCE}. */
export const Source = {
  /** An endpoint or a gateway: it may go everywhere. */
  inside: 1,
  uplink: 2,
  tunnel: 3,
} as const;

/** The number of the network a frame belongs to: keeps tenants with the same addresses apart. */
export const NETWORK = "reg0";
export const SOURCE = "reg1";
/** Which page of the remote nodes comes next when a frame goes to many. */
export const PAGE = "reg2";
/** The port of the endpoint whose policy has to let a frame in. */
export const PORT = "reg3";

export const EtherType = { arp: 0x0806, ipv4: 0x0800, ipv6: 0x86dd } as const;
export const ICMPV6 = 58;
export const Icmp = { routerAdvertisement: 134, solicitation: 135, advertisement: 136, redirect: 137 } as const;
/** What neighbour discovery is sent with, so that nothing of it has come through a router (RFC 4861 sections 6.1 and 7.1). */
export const FROM_THE_LINK = 255;
export const ArpOp = { request: 1 } as const;

/** `"HOLD"`: the high half of every cookie of ours. */
const MAGIC = 0x484f_4c44n;
/** Finds our flows in a dump. */
export const OUR_COOKIES = { cookie: MAGIC << 32n, mask: 0xffff_ffff_0000_0000n } as const;

const PURPOSES = ["base", "network", "endpoint", "remote", "gateway", "access", "probe", "policy"] as const;
export type Purpose = (typeof PURPOSES)[number];

/** The cookie of a flow: magic, purpose (8 bits), number of the network or port (24 bits); for people who read dumps. */
export function cookieOf(purpose: Purpose, number = 0): bigint {
  return (MAGIC << 32n) | (BigInt(PURPOSES.indexOf(purpose)) << 24n) | BigInt(number & 0xff_ffff);
}

/** Flows of policies are kept by who applies policies: {@link OUR_COOKIES} are those of both. */
export function isPolicyCookie(cookie: bigint): boolean {
  return cookie >> 24n === cookieOf("policy") >> 24n;
}

export const POLICY_COOKIES = { cookie: cookieOf("policy"), mask: 0xffff_ffff_ff00_0000n } as const;

/** Of flows of policies that only count: a bit that no number of a port has. */
const COUNTER_BIT = 0x80_0000;
export const COUNTER_COOKIES = { cookie: cookieOf("policy", COUNTER_BIT), mask: 0xffff_ffff_ff80_0000n } as const;

/** A flow before its owner has put a cookie on it. */
export type Rule = FlowKey & { readonly actions: readonly Action[] };

export function withCookie(rules: readonly Rule[], cookie: bigint): readonly Flow[] {
  return rules.map((rule) => ({ ...rule, cookie }));
}

export function inNetwork(network: number, source?: number): Match {
  return { registers: { [NETWORK]: network, ...(source === undefined ? {} : { [SOURCE]: source }) } };
}

/** Marks where a frame has come from and goes on. */
export function enter(network: number, source: number, table: number): readonly Action[] {
  return [setRegister(NETWORK, network), setRegister(SOURCE, source), goto(table)];
}

export function goto(table: number): Action {
  return { kind: "resubmit", table };
}

/** What the meter does not let pass ends here. */
export function metered(meter: number | undefined): readonly Action[] {
  return meter === undefined ? [] : [{ kind: "meter", id: meter }];
}

export function output(port: number): Action {
  return { kind: "output", port };
}

/** Into an endpoint or a gateway: at once, or through its policy. */
export function deliver({ port, policed }: { readonly port: number; readonly policed?: boolean }): readonly Action[] {
  return policed === true ? [setRegister(PORT, port), goto(TableId.policyIngress)] : [output(port)];
}

export function toUplink(vlan: number): readonly Action[] {
  return [{ kind: "push-vlan", vlan }, output(FixedPort.uplink)];
}

export const DROP: readonly Action[] = [];
