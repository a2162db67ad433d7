import { assert, Cidr } from "@holdfast/core";
import { AF_INET, AF_INET6 } from "../codec/family.ts";
import { boundsOf } from "./codec.ts";
import { ADDRESS_KEYS } from "./elements.ts";
import { BASE, COMPARE, compare, loadMeta, loadPayload, META, mask } from "./expressions.ts";

/** Something of a packet that rules look at. */
export interface Field {
  /** As nft(8) knows types of keys, by which it prints them. */
  readonly type: number;
  readonly bytes: number;
  /** Expressions that end the rule for packets that have no such field. */
  readonly presence: readonly Uint8Array[];
  /** Leaves it in the register. */
  readonly load: Uint8Array;
  parse(text: string): Values;
}

/** Values that follow each other. */
export interface Values {
  readonly first: Uint8Array;
  /** The one behind the last; absent: there is none. */
  readonly end?: Uint8Array;
  readonly isOne: boolean;
  /** Expressions that end the rule for others. */
  compare(): readonly Uint8Array[];
}

/** As {@link ADDRESS_KEYS}, of numbers. */
const TYPES = { port: 13, icmpType: 14, icmpCode: 33, icmpv6Type: 29, icmpv6Code: 35 } as const;
/** Where addresses are (RFC 791, RFC 8200). */
const ADDRESSES = {
  ip: { family: AF_INET, saddr: 12, daddr: 16, ...ADDRESS_KEYS.v4 },
  ip6: { family: AF_INET6, saddr: 8, daddr: 24, ...ADDRESS_KEYS.v6 },
} as const;
const ICMP = {
  icmp: { protocol: 1, type: TYPES.icmpType, code: TYPES.icmpCode },
  icmpv6: { protocol: 58, type: TYPES.icmpv6Type, code: TYPES.icmpv6Code },
} as const;
const PORTS = { sport: 0, dport: 2 } as const;

export function isFamily(family: number): readonly Uint8Array[] {
  return [loadMeta(META.family), compare(COMPARE.equal, Uint8Array.of(family))];
}

export function isProtocol(protocol: number): readonly Uint8Array[] {
  return [loadMeta(META.protocol), compare(COMPARE.equal, Uint8Array.of(protocol))];
}

/** @throws TypeError when it is none that is known, e.g. `"ip saddr"`, `"th dport"` or `"icmpv6 type"`. */
export function fieldOf(header: string, name: string): Field {
  if ((header === "ip" || header === "ip6") && (name === "saddr" || name === "daddr")) {
    const { family, bytes, type, [name]: offset } = ADDRESSES[header];
    return {
      type,
      bytes,
      presence: isFamily(family),
      load: loadPayload(BASE.network, offset, bytes),
      parse: addressValues,
    };
  }
  if (header === "th" && (name === "sport" || name === "dport")) {
    const load = loadPayload(BASE.transport, PORTS[name], 2);
    return { type: TYPES.port, bytes: 2, presence: [], load, parse: (text) => numberValues(text, 2) };
  }
  if ((header === "icmp" || header === "icmpv6") && (name === "type" || name === "code")) {
    const { protocol, [name]: type } = ICMP[header];
    const load = loadPayload(BASE.transport, name === "type" ? 0 : 1, 1);
    return { type, bytes: 1, presence: isProtocol(protocol), load, parse: (text) => numberValues(text, 1) };
  }
  throw new TypeError(`rules look at no ${header} ${name}`);
}

/** A prefix or an address. */
function addressValues(text: string): Values {
  const prefix = Cidr.parse(text);
  const [start, end] = boundsOf(prefix);
  const first = start?.address ?? new Uint8Array();
  const length = Cidr.length(prefix);
  const isOne = length === 8 * first.length;
  return {
    first,
    ...(end === undefined ? {} : { end: end.address }),
    isOne,
    compare: () => [...(isOne ? [] : [mask(maskOf(length, first.length))]), compare(COMPARE.equal, first)],
  };
}

function maskOf(length: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => {
    const bits = Math.min(8, Math.max(0, length - 8 * index));
    return 0xff & (0xff << (8 - bits));
  });
}

/** One number or a range, e.g. `"80"` or `"1024-65535"`. */
function numberValues(text: string, bytes: 1 | 2): Values {
  const [from = Number.NaN, to = from] = text.split("-").map(Number);
  const most = bytes === 1 ? 0xff : 0xffff;
  assert(from >= 0 && from <= to && to <= most, `${text} is no range of numbers of ${bytes} bytes`);
  const encode = (number: number) => (bytes === 1 ? Uint8Array.of(number) : Uint8Array.of(number >> 8, number & 0xff));
  return {
    first: encode(from),
    ...(to === most ? {} : { end: encode(to + 1) }),
    isOne: from === to,
    compare: () =>
      from === to
        ? [compare(COMPARE.equal, encode(from))]
        : [compare(COMPARE.atLeast, encode(from)), compare(COMPARE.atMost, encode(to))],
  };
}
