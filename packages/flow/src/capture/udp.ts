import type { IpAddress } from "@holdfast/core";
import { addressOf } from "../describe/packet.ts";
import {
  type Cursor,
  createCursor,
  END,
  LAYER_ETHERNET,
  LAYER_IPV4,
  LAYER_IPV6,
  type Layer,
} from "../packet/cursor.ts";
import { layerOf } from "../packet/ethernet.ts";
import {
  FRAGMENT,
  IPV4,
  KEY_DESTINATION_PORT,
  KEY_FLAGS,
  KEY_PROTOCOL,
  KEY_SOURCE,
  KEY_SOURCE_PORT,
  KEY_UDP_LENGTH,
  KEY_WORDS,
  PORTS,
} from "../packet/key.ts";
import { readPacket } from "../packet/read-packet.ts";
import { type CapturedPacket, viewOf } from "./packet.ts";

const UDP = 17;
const UDP_HEAD = 8;

/** What a captured packet is to somebody who looks for the datagrams to one UDP port. */
export type Found =
  | { readonly kind: "datagram"; readonly source: IpAddress; readonly sourcePort: number; readonly payload: DataView }
  /** Part of an IP packet that was sent in pieces. */
  | { readonly kind: "fragment" }
  /** To the port, but the capture kept only its beginning. */
  | { readonly kind: "cut" }
  | { readonly kind: "other" };

/** Looks for UDP datagrams to `port` in packets of Ethernet, Linux cooked, raw IP and loopback captures. */
export function createUdpFinder(port: number): (packet: CapturedPacket) => Found {
  const words = new Uint32Array(KEY_WORDS);
  const cursor = createCursor(words);
  return (packet) => {
    words.fill(0);
    cursor.key = 0;
    cursor.view = viewOf(packet.bytes);
    cursor.at = 0;
    cursor.end = packet.bytes.length;
    // No tunnel is followed: the port that is looked for may be one that tunnels have elsewhere.
    readPacket(cursor, enterLink(cursor, packet.linkType), 1);
    return foundIn(cursor, port, packet);
  };
}

function foundIn(cursor: Cursor, port: number, packet: CapturedPacket): Found {
  const { words, view, at } = cursor;
  const flags = words[KEY_FLAGS] ?? 0;
  if (words[KEY_PROTOCOL] !== UDP) return { kind: "other" };
  if (flags & FRAGMENT) return { kind: "fragment" };
  if ((flags & PORTS) === 0 || words[KEY_DESTINATION_PORT] !== port) return { kind: "other" };
  const length = (words[KEY_UDP_LENGTH] ?? 0) - UDP_HEAD;
  if (length < 0 || at + UDP_HEAD + length > cursor.end) {
    return { kind: packet.originalLength > packet.bytes.length ? "cut" : "fragment" };
  }
  return {
    kind: "datagram",
    source: addressOf(words, KEY_SOURCE, flags & IPV4 ? 4 : 6),
    sourcePort: words[KEY_SOURCE_PORT] ?? 0,
    payload: new DataView(view.buffer, view.byteOffset + at + UDP_HEAD, length),
  };
}

/** Passes over what the link puts before the packet (tcpdump.org/linktypes.html). */
function enterLink(cursor: Cursor, linkType: number): Layer {
  switch (linkType) {
    case 1:
      return LAYER_ETHERNET;
    case 0: // BSD loopback, the address family in the order of the machine that wrote it
    case 108: // OpenBSD loopback
      cursor.at = 4;
      return layerOfVersion(cursor);
    case 12: // raw IP, as some systems number it
    case 14:
    case 101:
      return layerOfVersion(cursor);
    case 228:
      return LAYER_IPV4;
    case 229:
      return LAYER_IPV6;
    case 113: // Linux cooked
      return layerOfType(cursor, 14, 16);
    case 276: // Linux cooked, version 2
      return layerOfType(cursor, 0, 20);
    default:
      return END;
  }
}

function layerOfVersion(cursor: Cursor): Layer {
  if (cursor.at >= cursor.end) return END;
  const version = cursor.view.getUint8(cursor.at) >>> 4;
  if (version === 4) return LAYER_IPV4;
  return version === 6 ? LAYER_IPV6 : END;
}

function layerOfType(cursor: Cursor, typeAt: number, head: number): Layer {
  if (head > cursor.end) return END;
  cursor.at = head;
  return layerOf(cursor.view.getUint16(typeAt));
}
