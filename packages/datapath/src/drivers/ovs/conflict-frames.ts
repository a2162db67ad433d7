import { createHash } from "node:crypto";
import { IpAddress, MacAddress } from "@holdfast/core";
import { arp, icmpv6 } from "./neighbour-frames.ts";

const NOBODY_V4 = IpAddress.parse("0.0.0.0");
const NOBODY_V6 = IpAddress.parse("::");
const SOLICITED_NODE = IpAddress.toBytes(IpAddress.parse("ff02::1:ff00:0"));

/**
 * What a node asks with: its own, locally administered, and no endpoint's. With the endpoint's, switches outside would look for it here, and it may
 * still be served by another node.
 */
export function probingMac(node: string): MacAddress {
  return MacAddress.fromBytes(
    Uint8Array.of(0x0e, ...createHash("sha256").update(`probe ${node}`).digest().subarray(0, 5)),
  );
}

/**
 * Asks who has an address, in a way that enters it into no neighbour's table: an ARP probe (RFC 5227 section 2.1.1), or a neighbour solicitation as
 * in duplicate address detection (RFC 4862 section 5.4.2).
 */
export function probeFrame(mac: MacAddress, address: IpAddress): Uint8Array {
  if (IpAddress.family(address) === "v4") return arp(mac, NOBODY_V4, { operation: 1, about: address });
  const target = IpAddress.toBytes(address);
  const group = Uint8Array.of(...SOLICITED_NODE.subarray(0, 13), ...target.subarray(13));
  return icmpv6({
    to: MacAddress.fromBytes(Uint8Array.of(0x33, 0x33, ...group.subarray(12))),
    from: mac,
    source: NOBODY_V6,
    destination: IpAddress.fromBytes(group),
    message: [135, 0, 0, 0, 0, 0, 0, 0, ...target],
  });
}

/** Somebody who has an address, or is about to take it. */
export interface Witness {
  readonly address: IpAddress;
  readonly mac: MacAddress;
}

const ETHERNET = 14;
const IPV6 = 40;
const ND_OPTIONS = ETHERNET + IPV6 + 24;
const TARGET_LINK_LAYER_ADDRESS = 2;

/**
 * Whom an untagged frame is from that says that somebody has an address: any ARP from it, an ARP probe for it, an advertisement of it, or another
 * one's duplicate address detection. Undefined: it says no such thing, or cannot be read.
 */
export function readWitness(frame: Uint8Array): Witness | undefined {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  if (bytes.length < ETHERNET) return undefined;
  switch (bytes.readUInt16BE(12)) {
    case 0x0806:
      return readArp(bytes.subarray(ETHERNET));
    case 0x86dd:
      return readDiscovery(bytes);
    default:
      return undefined;
  }
}

function readArp(packet: Buffer): Witness | undefined {
  if (packet.length < 28) return undefined;
  const mac = MacAddress.fromBytes(packet.subarray(8, 14));
  const sender = IpAddress.fromBytes(packet.subarray(14, 18));
  return { mac, address: sender === NOBODY_V4 ? IpAddress.fromBytes(packet.subarray(24, 28)) : sender };
}

function readDiscovery(frame: Buffer): Witness | undefined {
  if (frame.length < ND_OPTIONS || frame[ETHERNET + 6] !== 58) return undefined;
  const type = frame[ETHERNET + IPV6];
  if (type !== 135 && type !== 136) return undefined;
  const address = IpAddress.fromBytes(frame.subarray(ND_OPTIONS - 16, ND_OPTIONS));
  const named = type === 136 && frame.length >= ND_OPTIONS + 8 && frame[ND_OPTIONS] === TARGET_LINK_LAYER_ADDRESS;
  return {
    address,
    mac: MacAddress.fromBytes(named ? frame.subarray(ND_OPTIONS + 2, ND_OPTIONS + 8) : frame.subarray(6, 12)),
  };
}
