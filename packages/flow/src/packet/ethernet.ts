import { type Cursor, END, LAYER_ARP, LAYER_IPV4, LAYER_IPV6, LAYER_MPLS, type Layer, mark, stop } from "./cursor.ts";
import {
  ARP,
  ETHERNET,
  KEY_DESTINATION,
  KEY_DESTINATION_MAC,
  KEY_ETHER_TYPE,
  KEY_FLAGS,
  KEY_INNER_VLAN,
  KEY_MPLS_LABEL,
  KEY_PROTOCOL,
  KEY_SOURCE,
  KEY_SOURCE_MAC,
  KEY_VLAN,
  MALFORMED,
  MPLS,
  QINQ,
  TRUNCATED,
  VLAN,
} from "./key.ts";

const HEAD = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_MPLS = 0x8847;
const ETHERTYPE_MPLS_MULTICAST = 0x8848;
/** Below it stands a length (IEEE 802.3 clause 3.2.6). */
const FIRST_ETHERTYPE = 0x0600;

/** Ethernet II, IEEE 802.3 with LLC and SNAP, any number of tags of IEEE 802.1Q and 802.1ad. */
export function readEthernet(cursor: Cursor): Layer {
  const { view, end, words, key } = cursor;
  const { at } = cursor;
  if (at + HEAD > end) return stop(cursor, TRUNCATED);
  words[key + KEY_DESTINATION_MAC] = view.getUint16(at);
  words[key + KEY_DESTINATION_MAC + 1] = view.getUint32(at + 2);
  words[key + KEY_SOURCE_MAC] = view.getUint16(at + 6);
  words[key + KEY_SOURCE_MAC + 1] = view.getUint32(at + 8);
  let flags = ETHERNET;
  let type = view.getUint16(at + 12);
  let next = at + HEAD;
  while (isTag(type)) {
    if (next + 4 > end) {
      words[key + KEY_FLAGS] = flags;
      return stop(cursor, TRUNCATED);
    }
    if ((flags & VLAN) === 0) {
      words[key + KEY_VLAN] = view.getUint16(next);
      flags |= VLAN;
    } else if ((flags & QINQ) === 0) {
      words[key + KEY_INNER_VLAN] = view.getUint16(next);
      flags |= QINQ;
    }
    type = view.getUint16(next + 2);
    next += 4;
  }
  words[key + KEY_ETHER_TYPE] = type;
  words[key + KEY_FLAGS] = flags;
  cursor.at = next;
  return type < FIRST_ETHERTYPE ? readLlc(cursor) : layerOf(type);
}

function isTag(type: number): boolean {
  return type === 0x8100 || type === 0x88a8 || type === 0x9100;
}

/** The layer of an EtherType; what we do not read ends the packet. */
export function layerOf(type: number): Layer {
  switch (type) {
    case ETHERTYPE_IPV4:
      return LAYER_IPV4;
    case ETHERTYPE_IPV6:
      return LAYER_IPV6;
    case ETHERTYPE_ARP:
      return LAYER_ARP;
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_MULTICAST:
      return LAYER_MPLS;
    default:
      return END;
  }
}

/** LLC with SNAP (RFC 1042) says an EtherType; everything else of LLC is no packet of ours. */
function readLlc(cursor: Cursor): Layer {
  const { view, at, end, words, key } = cursor;
  if (at + 8 > end || view.getUint32(at) !== 0xaaaa0300 || view.getUint8(at + 4) !== 0) return END;
  const type = view.getUint16(at + 6);
  words[key + KEY_ETHER_TYPE] = type;
  cursor.at = at + 8;
  return layerOf(type);
}

/** ARP for IPv4 on Ethernet (RFC 826): sender and target as addresses, the operation as protocol. */
export function readArp(cursor: Cursor): Layer {
  const { view, at, end, words, key } = cursor;
  if (at + 28 > end) return stop(cursor, TRUNCATED);
  if (view.getUint32(at) !== 0x00010800 || view.getUint16(at + 4) !== 0x0604) return END;
  words[key + KEY_PROTOCOL] = view.getUint16(at + 6);
  words[key + KEY_SOURCE + 2] = 0xffff;
  words[key + KEY_SOURCE + 3] = view.getUint32(at + 14);
  words[key + KEY_DESTINATION + 2] = 0xffff;
  words[key + KEY_DESTINATION + 3] = view.getUint32(at + 24);
  return stop(cursor, ARP);
}

/** A stack of labels (RFC 3032); behind the last one, the first nibble tells IPv4 from IPv6. */
export function readMpls(cursor: Cursor): Layer {
  const { view, end, words, key } = cursor;
  let { at } = cursor;
  if (at + 4 > end) return stop(cursor, TRUNCATED);
  words[key + KEY_MPLS_LABEL] = view.getUint32(at) >>> 12;
  mark(cursor, MPLS);
  while ((view.getUint8(at + 2) & 1) === 0) {
    at += 4;
    if (at + 4 > end) return stop(cursor, TRUNCATED);
  }
  cursor.at = at + 4;
  return layerOfNibble(cursor);
}

/** IP without anything before it that says which. */
function layerOfNibble(cursor: Cursor): Layer {
  if (cursor.at >= cursor.end) return stop(cursor, TRUNCATED);
  const version = cursor.view.getUint8(cursor.at) >>> 4;
  if (version === 4) return LAYER_IPV4;
  return version === 6 ? LAYER_IPV6 : stop(cursor, MALFORMED);
}

/** PPP's protocol field (RFC 1661), with or without the address and control bytes of HDLC. */
export function readPpp(cursor: Cursor): Layer {
  const { view, end } = cursor;
  if (cursor.at + 4 > end) return stop(cursor, TRUNCATED);
  if (view.getUint16(cursor.at) === 0xff03) cursor.at += 2;
  const protocol = view.getUint16(cursor.at);
  cursor.at += 2;
  if (protocol === 0x0021) return LAYER_IPV4;
  return protocol === 0x0057 ? LAYER_IPV6 : END;
}
