import { END, LAYER_ETHERNET, LAYER_IPV4, LAYER_IPV6, LAYER_MPLS, LAYER_PPP, type Layer } from "../packet/cursor.ts";
import {
  ETHERNET,
  IPV4,
  IPV6,
  KEY_DESTINATION,
  KEY_DESTINATION_MAC,
  KEY_DESTINATION_PORT,
  KEY_ETHER_TYPE,
  KEY_FLAGS,
  KEY_LENGTH,
  KEY_PROTOCOL,
  KEY_SOURCE,
  KEY_SOURCE_MAC,
  KEY_SOURCE_PORT,
  KEY_TCP_FLAGS,
  KEY_TOS,
  PORTS,
} from "../packet/key.ts";
import { readPacket } from "../packet/read-packet.ts";
import { countUnknown, type Decoding, refuse } from "./datagram.ts";
import { HEADER_LENGTH } from "./refusal.ts";
import {
  HAS_ALL_RECORDS,
  HAS_PACKET,
  HAS_SWITCH,
  HAS_TUNNEL_IN,
  HAS_TUNNEL_OUT,
  HAS_VNI_IN,
  HAS_VNI_OUT,
  SAMPLE_FRAME_LENGTH,
  SAMPLE_HAS,
  SAMPLE_HEADER_AT,
  SAMPLE_HEADER_LENGTH,
  SAMPLE_HEADER_PROTOCOL,
  SAMPLE_KEY,
  SAMPLE_PRIORITY_IN,
  SAMPLE_PRIORITY_OUT,
  SAMPLE_STRIPPED,
  SAMPLE_TUNNEL_IN_DESTINATION,
  SAMPLE_TUNNEL_IN_SOURCE,
  SAMPLE_TUNNEL_OUT_DESTINATION,
  SAMPLE_TUNNEL_OUT_SOURCE,
  SAMPLE_VLAN_IN,
  SAMPLE_VLAN_OUT,
  SAMPLE_VNI_IN,
  SAMPLE_VNI_OUT,
  SAMPLE_WORDS,
} from "./words.ts";

/**
 * Writes what every consumer of samples wants to know into the sample's row: packet, VLANs, VNIs, tunnels. All other records are told by their place
 * only. The record at `at` has the bytes that its format needs at least.
 *
 * @returns false when it was refused
 */
export function readFlowRecord(decoding: Decoding, row: number, format: number, at: number): boolean {
  const { view, samples } = decoding;
  const body = at + 8;
  switch (format) {
    case 1:
      return readHeader(decoding, row, at);
    case 1001:
      samples[row + SAMPLE_VLAN_IN] = view.getUint32(body);
      samples[row + SAMPLE_PRIORITY_IN] = view.getUint32(body + 4);
      samples[row + SAMPLE_VLAN_OUT] = view.getUint32(body + 8);
      samples[row + SAMPLE_PRIORITY_OUT] = view.getUint32(body + 12);
      return has(decoding, row, HAS_SWITCH);
    case 1023:
      samples[row + SAMPLE_TUNNEL_OUT_SOURCE] = view.getUint32(body + 8);
      samples[row + SAMPLE_TUNNEL_OUT_DESTINATION] = view.getUint32(body + 12);
      return has(decoding, row, HAS_TUNNEL_OUT);
    case 1024:
      samples[row + SAMPLE_TUNNEL_IN_SOURCE] = view.getUint32(body + 8);
      samples[row + SAMPLE_TUNNEL_IN_DESTINATION] = view.getUint32(body + 12);
      return has(decoding, row, HAS_TUNNEL_IN);
    case 1029:
      samples[row + SAMPLE_VNI_OUT] = view.getUint32(body);
      return has(decoding, row, HAS_VNI_OUT);
    case 1030:
      samples[row + SAMPLE_VNI_IN] = view.getUint32(body);
      return has(decoding, row, HAS_VNI_IN);
    case 2:
      readSampledEthernet(decoding, row, body);
      return true;
    case 3:
      readSampledIpv4(decoding, row, body);
      return true;
    case 4:
      readSampledIpv6(decoding, row, body);
      return true;
    default:
      return true;
  }
}

function has({ samples }: Decoding, row: number, bit: number): true {
  samples[row + SAMPLE_HAS] = (samples[row + SAMPLE_HAS] ?? 0) | bit;
  return true;
}

/** The record that matters most: the first bytes of the packet itself. */
function readHeader(decoding: Decoding, row: number, at: number): boolean {
  const { view, samples, cursor } = decoding;
  const body = at + 8;
  const length = view.getUint32(body + 12);
  if (length > view.getUint32(at + 4) - 16) {
    samples[row + SAMPLE_HAS] = (samples[row + SAMPLE_HAS] ?? 0) & ~HAS_ALL_RECORDS;
    refuse(decoding, HEADER_LENGTH, at);
    return false;
  }
  const protocol = view.getUint32(body);
  if ((samples[row + SAMPLE_HAS] ?? 0) & HAS_PACKET) samples.fill(0, row + SAMPLE_KEY, row + SAMPLE_WORDS);
  samples[row + SAMPLE_HEADER_PROTOCOL] = protocol;
  samples[row + SAMPLE_FRAME_LENGTH] = view.getUint32(body + 4);
  samples[row + SAMPLE_STRIPPED] = view.getUint32(body + 8);
  samples[row + SAMPLE_HEADER_AT] = body + 16;
  samples[row + SAMPLE_HEADER_LENGTH] = length;
  has(decoding, row, HAS_PACKET);
  const layer = layerOfHeader(protocol);
  if (layer === END) {
    countUnknown(decoding, "packet", protocol);
    return true;
  }
  cursor.view = view;
  cursor.at = body + 16;
  cursor.end = body + 16 + length;
  cursor.key = row + SAMPLE_KEY;
  readPacket(cursor, layer);
  return true;
}

/** `header_protocol` of the specification. */
function layerOfHeader(protocol: number): Layer {
  switch (protocol) {
    case 1:
      return LAYER_ETHERNET;
    case 7:
      return LAYER_PPP;
    case 11:
      return LAYER_IPV4;
    case 12:
      return LAYER_IPV6;
    case 13:
      return LAYER_MPLS;
    default:
      return END;
  }
}

/** Whether the packet's header has been told, which says more than records 2 to 4 do. */
function hasHeader({ samples }: Decoding, row: number): boolean {
  return samples[row + SAMPLE_HEADER_AT] !== 0;
}

function readSampledEthernet(decoding: Decoding, row: number, at: number): void {
  const { view, samples } = decoding;
  if (hasHeader(decoding, row)) return;
  const key = row + SAMPLE_KEY;
  if (samples[row + SAMPLE_FRAME_LENGTH] === 0) samples[row + SAMPLE_FRAME_LENGTH] = view.getUint32(at);
  // A MAC in XDR is padded to 8 bytes.
  samples[key + KEY_SOURCE_MAC] = view.getUint16(at + 4);
  samples[key + KEY_SOURCE_MAC + 1] = view.getUint32(at + 6);
  samples[key + KEY_DESTINATION_MAC] = view.getUint16(at + 12);
  samples[key + KEY_DESTINATION_MAC + 1] = view.getUint32(at + 14);
  samples[key + KEY_ETHER_TYPE] = view.getUint32(at + 20);
  samples[key + KEY_FLAGS] = (samples[key + KEY_FLAGS] ?? 0) | ETHERNET;
  has(decoding, row, HAS_PACKET);
}

function readSampledIpv4(decoding: Decoding, row: number, at: number): void {
  const { view, samples } = decoding;
  if (hasHeader(decoding, row)) return;
  const key = row + SAMPLE_KEY;
  samples[key + KEY_SOURCE + 2] = 0xffff;
  samples[key + KEY_SOURCE + 3] = view.getUint32(at + 8);
  samples[key + KEY_DESTINATION + 2] = 0xffff;
  samples[key + KEY_DESTINATION + 3] = view.getUint32(at + 12);
  readSampledTransport(decoding, row, at + 16);
  finishSampledIp(decoding, row, at, IPV4);
}

function readSampledIpv6(decoding: Decoding, row: number, at: number): void {
  const { view, samples } = decoding;
  if (hasHeader(decoding, row)) return;
  const key = row + SAMPLE_KEY;
  for (let word = 0; word < 4; word++) {
    samples[key + KEY_SOURCE + word] = view.getUint32(at + 8 + 4 * word);
    samples[key + KEY_DESTINATION + word] = view.getUint32(at + 24 + 4 * word);
  }
  readSampledTransport(decoding, row, at + 40);
  finishSampledIp(decoding, row, at, IPV6);
}

/** Ports, TCP flags and TOS: how both records end. */
function readSampledTransport({ view, samples }: Decoding, row: number, at: number): void {
  const key = row + SAMPLE_KEY;
  samples[key + KEY_SOURCE_PORT] = view.getUint32(at);
  samples[key + KEY_DESTINATION_PORT] = view.getUint32(at + 4);
  samples[key + KEY_TCP_FLAGS] = view.getUint32(at + 8);
  samples[key + KEY_TOS] = view.getUint32(at + 12);
}

/** Length and protocol: how both records begin. The length is of the IP packet. */
function finishSampledIp(decoding: Decoding, row: number, at: number, family: number): void {
  const { view, samples } = decoding;
  const key = row + SAMPLE_KEY;
  samples[key + KEY_LENGTH] = view.getUint32(at);
  if (samples[row + SAMPLE_FRAME_LENGTH] === 0) samples[row + SAMPLE_FRAME_LENGTH] = view.getUint32(at);
  samples[key + KEY_PROTOCOL] = view.getUint32(at + 4);
  samples[key + KEY_FLAGS] = (samples[key + KEY_FLAGS] ?? 0) | family | PORTS;
  has(decoding, row, HAS_PACKET);
}
