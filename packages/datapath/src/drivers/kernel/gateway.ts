import { ROUTED_GATEWAYS } from "@holdfast/model";

/**
 * Where endpoints send everything: addresses that the machine has, the same on every machine, so that an endpoint that moves keeps its routes.
 * The IPv4 one is on the loopback link, valid there only (RFC 3927), so that the machine answers ARP for it on every link of an endpoint and
 * never speaks with it itself; the IPv6 one is on each link (RFC 4291, section 2.5.6).
 */
export const GATEWAY = ROUTED_GATEWAYS;

/** The link that has the IPv4 one. */
export const GATEWAY_LINK = "lo";
