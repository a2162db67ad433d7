import { type Cursor, END, LAYER_ETHERNET, LAYER_IPV4, LAYER_IPV6, type Layer, mark, stop } from "./cursor.ts";
import { layerOf } from "./ethernet.ts";
import {
  ICMP,
  KEY_DESTINATION_PORT,
  KEY_PROTOCOL,
  KEY_SOURCE_PORT,
  KEY_TCP_FLAGS,
  KEY_TUNNEL,
  KEY_TUNNEL_ID,
  KEY_UDP_LENGTH,
  KEY_WORDS,
  PORTS,
  TRUNCATED,
  TUNNEL_GENEVE,
  TUNNEL_GRE,
  TUNNEL_ID,
  TUNNEL_IP,
  TUNNEL_VXLAN,
} from "./key.ts";

/** IANA's port, and the one Linux used before there was one. */
const VXLAN_PORTS = [4789, 8472] as const;
const GENEVE_PORT = 6081;
const TRANSPARENT_ETHERNET = 0x6558;

/** What the IP protocol in the key says: ports, type and code, or a tunnel. */
export function readTransport(cursor: Cursor): Layer {
  switch (cursor.words[cursor.key + KEY_PROTOCOL]) {
    case 6:
      return readTcp(cursor);
    case 17:
      return readUdp(cursor);
    case 1:
    case 58:
      return readIcmp(cursor);
    case 47:
      return readGre(cursor);
    case 33: // DCCP
    case 132: // SCTP
    case 136: // UDP-Lite
      return readPorts(cursor) ? END : stop(cursor, TRUNCATED);
    case 4:
      return enter(cursor, TUNNEL_IP, cursor.at, LAYER_IPV4);
    case 41:
      return enter(cursor, TUNNEL_IP, cursor.at, LAYER_IPV6);
    default:
      return END;
  }
}

function readPorts(cursor: Cursor): boolean {
  const { view, at, end, words, key } = cursor;
  if (at + 4 > end) return false;
  words[key + KEY_SOURCE_PORT] = view.getUint16(at);
  words[key + KEY_DESTINATION_PORT] = view.getUint16(at + 2);
  mark(cursor, PORTS);
  return true;
}

function readTcp(cursor: Cursor): Layer {
  const { view, at, end, words, key } = cursor;
  if (!readPorts(cursor) || at + 14 > end) return stop(cursor, TRUNCATED);
  words[key + KEY_TCP_FLAGS] = view.getUint8(at + 13);
  return END;
}

function readUdp(cursor: Cursor): Layer {
  const { view, at, end, words, key } = cursor;
  if (!readPorts(cursor) || at + 8 > end) return stop(cursor, TRUNCATED);
  words[key + KEY_UDP_LENGTH] = view.getUint16(at + 4);
  const port = view.getUint16(at + 2);
  if (port === VXLAN_PORTS[0] || port === VXLAN_PORTS[1]) return readVxlan(cursor, at + 8);
  return port === GENEVE_PORT ? readGeneve(cursor, at + 8) : END;
}

function readIcmp(cursor: Cursor): Layer {
  const { view, at, end, words, key } = cursor;
  if (at + 2 > end) return stop(cursor, TRUNCATED);
  words[key + KEY_SOURCE_PORT] = view.getUint8(at);
  words[key + KEY_DESTINATION_PORT] = view.getUint8(at + 1);
  return stop(cursor, ICMP);
}

/** RFC 7348 section 5. Without the I flag it is something else on the same port. */
function readVxlan(cursor: Cursor, at: number): Layer {
  const { view, end, words, key } = cursor;
  if (at + 8 > end) return stop(cursor, TRUNCATED);
  if ((view.getUint8(at) & 0x08) === 0) return END;
  words[key + KEY_TUNNEL_ID] = view.getUint32(at + 4) >>> 8;
  mark(cursor, TUNNEL_ID);
  return enter(cursor, TUNNEL_VXLAN, at + 8, LAYER_ETHERNET);
}

/** RFC 8926 section 3.4: options are passed over. */
function readGeneve(cursor: Cursor, at: number): Layer {
  const { view, end, words, key } = cursor;
  if (at + 8 > end) return stop(cursor, TRUNCATED);
  const first = view.getUint32(at);
  if (first >>> 30 !== 0) return END;
  words[key + KEY_TUNNEL_ID] = view.getUint32(at + 4) >>> 8;
  mark(cursor, TUNNEL_ID);
  const inner = at + 8 + ((first >>> 24) & 0x3f) * 4;
  return enter(cursor, TUNNEL_GENEVE, inner, payloadLayer(first & 0xffff));
}

/** RFC 2784 and 2890; version 1 is PPTP's, which is something else. */
function readGre(cursor: Cursor): Layer {
  const { view, at, end, words, key } = cursor;
  if (at + 4 > end) return stop(cursor, TRUNCATED);
  const first = view.getUint32(at);
  if (((first >>> 16) & 7) !== 0) return END;
  let next = at + 4;
  if ((first & 0x8000_0000) !== 0) next += 4; // checksum
  if ((first & 0x2000_0000) !== 0) {
    if (next + 4 > end) return stop(cursor, TRUNCATED);
    words[key + KEY_TUNNEL_ID] = view.getUint32(next);
    mark(cursor, TUNNEL_ID);
    next += 4;
  }
  if ((first & 0x1000_0000) !== 0) next += 4; // sequence number
  return enter(cursor, TUNNEL_GRE, next, payloadLayer(first & 0xffff));
}

function payloadLayer(type: number): Layer {
  return type === TRANSPARENT_ETHERNET ? LAYER_ETHERNET : layerOf(type);
}

/** Goes on with the inner key, at `at`. Tunnels in tunnels are not followed: there is one inner key. */
function enter(cursor: Cursor, tunnel: number, at: number, layer: Layer): Layer {
  const { words, key } = cursor;
  if (cursor.depth > 0) return END;
  words[key + KEY_TUNNEL] = tunnel;
  cursor.at = at;
  if (cursor.at > cursor.end) return stop(cursor, TRUNCATED);
  if (layer === END) return END;
  cursor.depth = 1;
  cursor.key = key + KEY_WORDS;
  for (let word = cursor.key; word < cursor.key + KEY_WORDS; word++) words[word] = 0;
  return layer;
}
