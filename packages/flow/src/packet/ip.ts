import { type Cursor, LAYER_TRANSPORT, type Layer, stop } from "./cursor.ts";
import {
  FRAGMENT,
  IPV4,
  IPV6,
  KEY_DESTINATION,
  KEY_FLAGS,
  KEY_IDENTIFICATION,
  KEY_LENGTH,
  KEY_PROTOCOL,
  KEY_SOURCE,
  KEY_TOS,
  KEY_TTL,
  MALFORMED,
  TRUNCATED,
} from "./key.ts";

const IPV4_HEAD = 20;
const IPV6_HEAD = 40;
/** More extension headers than this nobody sends; each has 8 bytes at least. */
const MOST_EXTENSIONS = 16;

/** IPv4 (RFC 791). */
export function readIpv4(cursor: Cursor): Layer {
  const { view, at, end, words, key } = cursor;
  if (at + IPV4_HEAD > end) return stop(cursor, TRUNCATED);
  const first = view.getUint32(at);
  const head = ((first >>> 24) & 0xf) * 4;
  if (first >>> 28 !== 4 || head < IPV4_HEAD) return stop(cursor, MALFORMED);
  const length = first & 0xffff;
  const second = view.getUint32(at + 4);
  const third = view.getUint32(at + 8);
  words[key + KEY_TOS] = (first >>> 16) & 0xff;
  words[key + KEY_LENGTH] = length;
  words[key + KEY_IDENTIFICATION] = second >>> 16;
  words[key + KEY_TTL] = third >>> 24;
  words[key + KEY_PROTOCOL] = (third >>> 16) & 0xff;
  words[key + KEY_SOURCE + 2] = 0xffff;
  words[key + KEY_SOURCE + 3] = view.getUint32(at + 12);
  words[key + KEY_DESTINATION + 2] = 0xffff;
  words[key + KEY_DESTINATION + 3] = view.getUint32(at + 16);
  words[key + KEY_FLAGS] = (words[key + KEY_FLAGS] ?? 0) | IPV4;
  // 0 is what segmentation offload leaves there.
  if (length !== 0 && length < head) return stop(cursor, MALFORMED);
  // What an Ethernet frame is padded with is no payload.
  if (length !== 0 && at + length < end) cursor.end = at + length;
  cursor.at = at + head;
  return (second & 0x1fff) === 0 ? LAYER_TRANSPORT : stop(cursor, FRAGMENT);
}

/** IPv6 with its extension headers (RFC 8200 section 4, RFC 4302, RFC 6275, RFC 7401, RFC 5533). */
export function readIpv6(cursor: Cursor): Layer {
  const { view, at, end, words, key } = cursor;
  if (at + IPV6_HEAD > end) return stop(cursor, TRUNCATED);
  const first = view.getUint32(at);
  if (first >>> 28 !== 6) return stop(cursor, MALFORMED);
  const length = view.getUint16(at + 4);
  words[key + KEY_TOS] = (first >>> 20) & 0xff;
  words[key + KEY_IDENTIFICATION] = first & 0xfffff;
  words[key + KEY_LENGTH] = length;
  words[key + KEY_TTL] = view.getUint8(at + 7);
  for (let word = 0; word < 4; word++) {
    words[key + KEY_SOURCE + word] = view.getUint32(at + 8 + 4 * word);
    words[key + KEY_DESTINATION + word] = view.getUint32(at + 24 + 4 * word);
  }
  words[key + KEY_FLAGS] = (words[key + KEY_FLAGS] ?? 0) | IPV6;
  if (length !== 0 && at + IPV6_HEAD + length < end) cursor.end = at + IPV6_HEAD + length;
  cursor.at = at + IPV6_HEAD;
  return readExtensions(cursor, view.getUint8(at + 6));
}

function readExtensions(cursor: Cursor, firstHeader: number): Layer {
  const { view, end, words, key } = cursor;
  let header = firstHeader;
  for (let count = 0; count < MOST_EXTENSIONS; count++) {
    const { at } = cursor;
    words[key + KEY_PROTOCOL] = header;
    if (!isExtension(header)) return LAYER_TRANSPORT;
    if (at + 8 > end) return stop(cursor, TRUNCATED);
    const isFragment = header === 44;
    // The authentication header counts in units of 4 bytes (RFC 4302 section 2.2).
    const length = header === 51 ? (view.getUint8(at + 1) + 2) * 4 : (view.getUint8(at + 1) + 1) * 8;
    header = view.getUint8(at);
    if (isFragment && (view.getUint16(at + 2) & 0xfff8) !== 0) {
      words[key + KEY_PROTOCOL] = header;
      return stop(cursor, FRAGMENT);
    }
    cursor.at = at + (isFragment ? 8 : length);
    if (cursor.at > end) return stop(cursor, TRUNCATED);
  }
  return stop(cursor, MALFORMED);
}

function isExtension(header: number): boolean {
  switch (header) {
    case 0: // hop-by-hop options
    case 43: // routing
    case 44: // fragment
    case 51: // authentication
    case 60: // destination options
    case 135: // mobility
    case 139: // host identity
    case 140: // shim6
      return true;
    default:
      return false;
  }
}
