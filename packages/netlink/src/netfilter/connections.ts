import { IpAddress } from "@holdfast/core";
import {
  type Attributes,
  attribute,
  nestedAttribute,
  parseAttributes,
  readNested,
  u32Attribute,
  viewOf,
} from "../codec/attributes.ts";
import { AF_UNSPEC, familyNumber } from "../codec/family.ts";
import { Flag, type Request } from "../codec/message.ts";
import { be32, generic, messageType, SUBSYSTEM } from "./codec.ts";
import type { Connection, ConnectionFilter } from "./netfilter.ts";

/** linux/netfilter/nfnetlink_conntrack.h: messages and attributes. */
const NEW = 0;
const GET = 1;
const GET_STATISTICS = 5;
const STATISTICS_ENTRIES = 1;
const TUPLE = { original: 1, reply: 2 } as const;
const MARK = 8;
const MARK_MASK = 21;
const FILTER = 25;
const FILTER_BY_SOURCE = 1;

/** The kernel goes through its whole table for each, so that both families are asked for at once. */
export function listRequest(filter: ConnectionFilter | undefined): Request {
  const body =
    filter === undefined
      ? [generic(AF_UNSPEC)]
      : [generic(familyNumber("source" in filter ? filter.source : filter.destination)), ...filterAttributes(filter)];
  return { type: messageType(SUBSYSTEM.conntrack, GET), flags: Flag.dump, body };
}

export function countRequest(): Request {
  return { type: messageType(SUBSYSTEM.conntrack, GET_STATISTICS), flags: 0, body: [generic(AF_UNSPEC)] };
}

export function readCount(body: Uint8Array): number {
  const entries = parseAttributes(body, 4).get(STATISTICS_ENTRIES);
  return entries === undefined ? Number.NaN : viewOf(entries).getUint32(0, false);
}

/** By the source of one of the two tuples: who answers in the end is the source of replies. */
function filterAttributes(filter: ConnectionFilter): Uint8Array[] {
  const [address, tuple] =
    "source" in filter ? [filter.source, TUPLE.original] : ([filter.destination, TUPLE.reply] as const);
  const source = attribute(IpAddress.family(address) === "v4" ? 1 : 3, IpAddress.toBytes(address));
  return [
    nestedAttribute(tuple, [nestedAttribute(1, [source])]),
    nestedAttribute(FILTER, [u32Attribute(tuple, FILTER_BY_SOURCE)]),
  ];
}

export function markRequest({ source, key }: Connection, value: number, mask: number): Request {
  return {
    type: messageType(SUBSYSTEM.conntrack, NEW),
    flags: Flag.ack,
    body: [
      generic(familyNumber(source)),
      nestedAttribute(TUPLE.original, [key]),
      be32(MARK, value),
      be32(MARK_MASK, mask),
    ],
  };
}

export function readConnection(body: Uint8Array): Connection | undefined {
  const attributes = parseAttributes(body, 4);
  const key = attributes.get(TUPLE.original);
  const reply = readTuple(attributes, TUPLE.reply);
  const original = readTuple(attributes, TUPLE.original);
  if (key === undefined || reply === undefined || original === undefined) return undefined;
  const { source, protocol, sourcePort, icmp } = original;
  const mark = attributes.get(MARK);
  return {
    source,
    destination: reply.source,
    protocol,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(reply.sourcePort === undefined ? {} : { destinationPort: reply.sourcePort }),
    ...(icmp === undefined ? {} : { icmp }),
    mark: mark === undefined ? 0 : viewOf(mark).getUint32(0, false),
    key: key.slice(),
  };
}

interface Tuple extends Pick<Connection, "source" | "protocol" | "sourcePort" | "icmp"> {}

function readTuple(attributes: Attributes, type: number): Tuple | undefined {
  const tuple = readNested(attributes, type);
  const addresses = readNested(tuple, 1);
  const transport = readNested(tuple, 2);
  const source = addresses.get(1) ?? addresses.get(3);
  const protocol = transport.get(1)?.[0];
  if (source === undefined || protocol === undefined) return undefined;
  const port = transport.get(2);
  const icmpType = (transport.get(5) ?? transport.get(8))?.[0];
  const code = (transport.get(6) ?? transport.get(9))?.[0];
  return {
    source: IpAddress.fromBytes(source),
    protocol,
    ...(port === undefined ? {} : { sourcePort: viewOf(port).getUint16(0, false) }),
    ...(icmpType === undefined || code === undefined ? {} : { icmp: { type: icmpType, code } }),
  };
}
