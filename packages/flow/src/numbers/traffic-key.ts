import type { IpAddress, MacAddress } from "@holdfast/core";
import { addressOf, macOf } from "../describe/packet.ts";
import {
  ETHERNET,
  IPV4,
  IPV6,
  KEY_DESTINATION,
  KEY_DESTINATION_MAC,
  KEY_DESTINATION_PORT,
  KEY_ETHER_TYPE,
  KEY_FLAGS,
  KEY_PROTOCOL,
  KEY_SOURCE,
  KEY_SOURCE_MAC,
  KEY_SOURCE_PORT,
  KEY_TCP_FLAGS,
  KEY_TUNNEL_ID,
  KEY_VLAN,
  PORTS,
  TUNNEL_ID,
  VLAN,
} from "../packet/key.ts";
import {
  HAS_SWITCH,
  HAS_VNI_IN,
  HAS_VNI_OUT,
  SAMPLE_HAS,
  SAMPLE_INPUT,
  SAMPLE_INPUT_FORMAT,
  SAMPLE_KEY,
  SAMPLE_VLAN_IN,
  SAMPLE_VNI_IN,
  SAMPLE_VNI_OUT,
} from "../sflow/words.ts";
import { AT_PORT, VANTAGES, type Vantage, vantageNumberOf } from "./vantage.ts";

/** What traffic is added up by, until it is known whose it is. */
export interface TrafficKey {
  readonly vantage: Vantage;
  /** Whether it is where these packets are counted, and not where they were sampled once more on their way. */
  readonly isCounted: boolean;
  /** Numbers of the endpoints, as an inventory gave them. Absent: nobody's. `ambiguous`: of several whom nothing tells apart. */
  readonly sourceOwner?: number | "ambiguous";
  readonly destinationOwner?: number | "ambiguous";
  /** Interface that the packets came by. Absent: unknown, or known whose the packets are. */
  readonly inputIfIndex?: number;
  /** MACs are absent also where it is known whose the packets are, or where an address says more. */
  readonly sourceMac?: MacAddress;
  readonly destinationMac?: MacAddress;
  /** Absent: unknown. */
  readonly etherType?: number;
  readonly vni?: number;
  readonly vlan?: number;
  /** Absent: no IP. */
  readonly ip?: {
    readonly source: IpAddress;
    readonly destination: IpAddress;
    readonly protocol: number;
    /** The end that serves, of both directions the same: see {@link servicePortOf}. 0: a protocol without ports, or a fragment. */
    readonly servicePort: number;
  };
}

const EXPORTER = 0;
export const TRAFFIC_FLAGS = 1;
export const TRAFFIC_INPUT = 2;
/** Two words each, like those of a packet's key. */
export const TRAFFIC_SOURCE_MAC = 3;
export const TRAFFIC_DESTINATION_MAC = 5;
const ETHER_TYPE = 7;
export const TRAFFIC_SEGMENT = 8;
/** Four words each. */
export const TRAFFIC_SOURCE = 9;
export const TRAFFIC_DESTINATION = 13;
const PROTOCOL = 17;
const SERVICE_PORT = 18;
/** Whose the ends are: 0 nobody's, 1 of several whom nothing tells apart, else the owner's number and 2. */
export const TRAFFIC_SOURCE_OWNER = 19;
export const TRAFFIC_DESTINATION_OWNER = 20;
/** Words of a key, the exporter's number included. */
export const TRAFFIC_KEY_WORDS = 21;

/** Bits of the word {@link TRAFFIC_FLAGS}: vantage in the lowest two. */
export const VANTAGE_BITS = 3;
export const HAS_INPUT = 4;
const HAS_ETHERNET = 8;
export const IS_V4 = 16;
export const IS_V6 = 32;
export const SEGMENT_VNI = 64;
export const SEGMENT_VLAN = 128;
export const HAS_SOURCE_MAC = 256;
export const HAS_DESTINATION_MAC = 512;
/** Sums have it; see {@link TrafficKey.isCounted}. */
export const IS_COUNTED = 1024;

/** Writes the key of a sample's row into `key`. */
export function writeTrafficKey(samples: Uint32Array, row: number, exporter: number, key: Uint32Array): void {
  const packet = row + SAMPLE_KEY;
  const has = samples[packet + KEY_FLAGS] ?? 0;
  // A call of `fill` takes longer than it takes to clear so few words one by one.
  for (let word = 0; word < TRAFFIC_KEY_WORDS; word++) key[word] = 0;
  key[EXPORTER] = exporter;
  let flags = vantageNumberOf(samples, row);
  if (flags === AT_PORT) flags |= IS_COUNTED;
  if (samples[row + SAMPLE_INPUT_FORMAT] === 0 && samples[row + SAMPLE_INPUT] !== 0) {
    key[TRAFFIC_INPUT] = samples[row + SAMPLE_INPUT] ?? 0;
    flags |= HAS_INPUT;
  }
  if ((has & ETHERNET) !== 0) {
    for (let word = 0; word < 2; word++) {
      key[TRAFFIC_SOURCE_MAC + word] = samples[packet + KEY_SOURCE_MAC + word] ?? 0;
      key[TRAFFIC_DESTINATION_MAC + word] = samples[packet + KEY_DESTINATION_MAC + word] ?? 0;
    }
    key[ETHER_TYPE] = samples[packet + KEY_ETHER_TYPE] ?? 0;
    flags |= HAS_ETHERNET | HAS_SOURCE_MAC | HAS_DESTINATION_MAC;
  }
  if ((has & (IPV4 | IPV6)) !== 0) {
    for (let word = 0; word < 4; word++) {
      key[TRAFFIC_SOURCE + word] = samples[packet + KEY_SOURCE + word] ?? 0;
      key[TRAFFIC_DESTINATION + word] = samples[packet + KEY_DESTINATION + word] ?? 0;
    }
    key[PROTOCOL] = samples[packet + KEY_PROTOCOL] ?? 0;
    if ((has & PORTS) !== 0) key[SERVICE_PORT] = servicePortOf(samples, packet);
    flags |= (has & IPV4) !== 0 ? IS_V4 : IS_V6;
  }
  key[TRAFFIC_FLAGS] = flags | writeSegment(samples, row, key);
}

/** VNI that the exporter tells, else of the packet's own tunnel; VLAN of the packet's own tag, else that the exporter tells. */
function writeSegment(samples: Uint32Array, row: number, key: Uint32Array): number {
  const has = samples[row + SAMPLE_HAS] ?? 0;
  const packet = row + SAMPLE_KEY;
  const flags = samples[packet + KEY_FLAGS] ?? 0;
  if ((has & (HAS_VNI_IN | HAS_VNI_OUT)) !== 0) {
    key[TRAFFIC_SEGMENT] = samples[row + ((has & HAS_VNI_IN) !== 0 ? SAMPLE_VNI_IN : SAMPLE_VNI_OUT)] ?? 0;
    return SEGMENT_VNI;
  }
  if ((flags & TUNNEL_ID) !== 0) {
    key[TRAFFIC_SEGMENT] = samples[packet + KEY_TUNNEL_ID] ?? 0;
    return SEGMENT_VNI;
  }
  const vlan = (flags & VLAN) !== 0 ? (samples[packet + KEY_VLAN] ?? 0) & 0xfff : 0;
  key[TRAFFIC_SEGMENT] = vlan === 0 && (has & HAS_SWITCH) !== 0 ? (samples[row + SAMPLE_VLAN_IN] ?? 0) : vlan;
  return key[TRAFFIC_SEGMENT] === 0 ? 0 : SEGMENT_VLAN;
}

const SYN = 0x02;
const ACK = 0x10;

/** Who opens a connection of TCP says by it which end serves; else the lower port is taken for it. */
function servicePortOf(samples: Uint32Array, packet: number): number {
  const source = samples[packet + KEY_SOURCE_PORT] ?? 0;
  const destination = samples[packet + KEY_DESTINATION_PORT] ?? 0;
  const opening = (samples[packet + KEY_TCP_FLAGS] ?? 0) & (SYN | ACK);
  if (opening === SYN) return destination;
  return opening === (SYN | ACK) ? source : Math.min(source, destination);
}

/** The exporter's number in a key that begins at `at`. */
export function exporterOf(keys: Uint32Array, at: number): number {
  return keys[at + EXPORTER] ?? 0;
}

/** Says a key in words. */
export function readTrafficKey(keys: Uint32Array, at: number): TrafficKey {
  const flags = keys[at + TRAFFIC_FLAGS] ?? 0;
  const segment = keys[at + TRAFFIC_SEGMENT] ?? 0;
  return {
    vantage: VANTAGES[flags & VANTAGE_BITS] ?? "port",
    isCounted: (flags & IS_COUNTED) !== 0,
    ...ownerOf("sourceOwner", keys[at + TRAFFIC_SOURCE_OWNER] ?? 0),
    ...ownerOf("destinationOwner", keys[at + TRAFFIC_DESTINATION_OWNER] ?? 0),
    ...(flags & HAS_INPUT ? { inputIfIndex: keys[at + TRAFFIC_INPUT] ?? 0 } : {}),
    ...(flags & HAS_SOURCE_MAC ? { sourceMac: macOf(keys, at + TRAFFIC_SOURCE_MAC) } : {}),
    ...(flags & HAS_DESTINATION_MAC ? { destinationMac: macOf(keys, at + TRAFFIC_DESTINATION_MAC) } : {}),
    ...(flags & HAS_ETHERNET ? { etherType: keys[at + ETHER_TYPE] ?? 0 } : {}),
    ...(flags & SEGMENT_VNI ? { vni: segment } : {}),
    ...(flags & SEGMENT_VLAN ? { vlan: segment } : {}),
    ...(flags & (IS_V4 | IS_V6) ? { ip: ipOf(keys, at, flags & IS_V4 ? 4 : 6) } : {}),
  };
}

function ownerOf(name: "sourceOwner" | "destinationOwner", word: number) {
  if (word === 0) return {};
  return { [name]: word === 1 ? ("ambiguous" as const) : word - 2 };
}

function ipOf(keys: Uint32Array, at: number, family: 4 | 6): NonNullable<TrafficKey["ip"]> {
  return {
    source: addressOf(keys, at + TRAFFIC_SOURCE, family),
    destination: addressOf(keys, at + TRAFFIC_DESTINATION, family),
    protocol: keys[at + PROTOCOL] ?? 0,
    servicePort: keys[at + SERVICE_PORT] ?? 0,
  };
}
