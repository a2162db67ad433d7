import { MacAddress } from "@holdfast/core";

import type { Ipv4Settings, Link } from "../kernel.ts";
import {
  attribute,
  LITTLE_ENDIAN,
  nestedAttribute,
  parseAttributes,
  readNested,
  readText,
  readU32,
  textAttribute,
  u32Attribute,
  viewOf,
} from "./attributes.ts";
import { Flag, MessageType, type Request } from "./message.ts";

/** Attributes of linux/if_link.h. */
const Attribute = {
  address: 1,
  name: 3,
  mtu: 4,
  link: 5,
  master: 10,
  info: 18,
  alias: 20,
  familySpecific: 26,
  group: 27,
  namespaceFd: 28,
  extensionMask: 29,
  transmitQueues: 31,
  receiveQueues: 32,
  linkNamespaceId: 37,
} as const;
const InfoAttribute = { kind: 1, data: 2 } as const;
const VETH_INFO_PEER = 1;
const AF_INET = 2;
/** `IFLA_INET_CONF`: settings of `net.ipv4.conf.LINK`, each an attribute with a number of linux/ip.h (`IPV4_DEVCONF_…`). */
const INET_SETTINGS = 1;
const Ipv4Setting = { rp_filter: 8, route_localnet: 26 } as const;
const RTEXT_FILTER_SKIP_STATS = 8;

const IFF_UP = 0x1;
const IFF_LOWER_UP = 0x10000;
const ARPHRD_ETHER = 1;
const IFINFO_LENGTH = 16;

/** A link with what only this package needs to know of it. */
export interface LinkRecord {
  readonly link: Link;
  /** Address family of the message: AF_BRIDGE (7) tells of bridge ports, not of links. */
  readonly family: number;
  /** The id this namespace has for the peer's; absent: the same namespace. */
  readonly peerNamespaceId?: number;
}

/** struct ifinfomsg: family u8, padding, hardware type u16, index i32, flags u32, mask of flags to change u32. */
function ifinfo(index: number, flags = 0, change = 0): Uint8Array {
  const bytes = new Uint8Array(IFINFO_LENGTH);
  const view = viewOf(bytes);
  view.setInt32(4, index, LITTLE_ENDIAN);
  view.setUint32(8, flags, LITTLE_ENDIAN);
  view.setUint32(12, change, LITTLE_ENDIAN);
  return bytes;
}

export function listLinksRequest(): Request {
  return {
    type: MessageType.getLink,
    flags: Flag.dump,
    body: [ifinfo(0), u32Attribute(Attribute.extensionMask, RTEXT_FILTER_SKIP_STATS)],
  };
}

export function getLinkRequest(name: string): Request {
  return {
    type: MessageType.getLink,
    flags: 0,
    body: [
      ifinfo(0),
      textAttribute(Attribute.name, name),
      u32Attribute(Attribute.extensionMask, RTEXT_FILTER_SKIP_STATS),
    ],
  };
}

export interface VethRequest {
  readonly name: string;
  readonly mac?: MacAddress;
  readonly peer: string;
  readonly peerMac?: MacAddress;
  /** Descriptor of the peer's namespace. */
  readonly peerNamespace?: number;
  readonly mtu: number;
  readonly up: boolean;
}

/**
 * One queue in each direction, as many as a veth uses unless somebody raises it (ethtool -L): left to itself the kernel makes room for one per
 * processor, which takes more than half of the time that the pair takes.
 */
const QUEUES = [u32Attribute(Attribute.transmitQueues, 1), u32Attribute(Attribute.receiveQueues, 1)];

export function createVethRequest(veth: VethRequest): Request {
  const mtu = u32Attribute(Attribute.mtu, veth.mtu);
  const peer = nestedAttribute(VETH_INFO_PEER, [
    ifinfo(0),
    textAttribute(Attribute.name, veth.peer),
    mtu,
    ...QUEUES,
    ...(veth.peerMac === undefined ? [] : [attribute(Attribute.address, MacAddress.toBytes(veth.peerMac))]),
    ...(veth.peerNamespace === undefined ? [] : [u32Attribute(Attribute.namespaceFd, veth.peerNamespace)]),
  ]);
  return {
    type: MessageType.newLink,
    flags: Flag.create | Flag.exclusive | Flag.ack,
    body: [
      ifinfo(0, veth.up ? IFF_UP : 0, veth.up ? IFF_UP : 0),
      textAttribute(Attribute.name, veth.name),
      mtu,
      ...QUEUES,
      ...(veth.mac === undefined ? [] : [attribute(Attribute.address, MacAddress.toBytes(veth.mac))]),
      nestedAttribute(Attribute.info, [
        textAttribute(InfoAttribute.kind, "veth"),
        nestedAttribute(InfoAttribute.data, [peer]),
      ]),
    ],
  };
}

/** Down, without an alias. */
export function createIfbRequest(name: string): Request {
  return {
    type: MessageType.newLink,
    flags: Flag.create | Flag.exclusive | Flag.ack,
    body: [
      ifinfo(0),
      textAttribute(Attribute.name, name),
      ...QUEUES,
      nestedAttribute(Attribute.info, [textAttribute(InfoAttribute.kind, "ifb")]),
    ],
  };
}

export interface SetLinkRequest {
  /** 0: the link is found by `name`. */
  readonly index: number;
  /** With an index it is the new name. */
  readonly name?: string;
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: MacAddress;
  /** Empty takes it away. */
  readonly alias?: string;
  /** Descriptor. */
  readonly namespace?: number;
  /** 0: none. */
  readonly master?: number;
  /** A number for several links; 0, which is for all at first, is none. */
  readonly group?: number;
  readonly ipv4?: Ipv4Settings;
}

export function setLinkRequest(change: SetLinkRequest): Request {
  const body = [ifinfo(change.index, change.up ? IFF_UP : 0, change.up === undefined ? 0 : IFF_UP)];
  if (change.name !== undefined) body.push(textAttribute(Attribute.name, change.name));
  if (change.mtu !== undefined) body.push(u32Attribute(Attribute.mtu, change.mtu));
  if (change.mac !== undefined) body.push(attribute(Attribute.address, MacAddress.toBytes(change.mac)));
  if (change.alias !== undefined) body.push(attribute(Attribute.alias, new TextEncoder().encode(change.alias)));
  if (change.namespace !== undefined) body.push(u32Attribute(Attribute.namespaceFd, change.namespace));
  if (change.master !== undefined) body.push(u32Attribute(Attribute.master, change.master));
  if (change.group !== undefined) body.push(u32Attribute(Attribute.group, change.group));
  if (change.ipv4 !== undefined) body.push(ipv4Settings(change.ipv4));
  return { type: MessageType.setLink, flags: Flag.ack, body };
}

function ipv4Settings({ rp_filter, route_localnet }: Ipv4Settings): Uint8Array {
  const settings = [
    ...(rp_filter === undefined ? [] : [u32Attribute(Ipv4Setting.rp_filter, rp_filter)]),
    ...(route_localnet === undefined ? [] : [u32Attribute(Ipv4Setting.route_localnet, route_localnet)]),
  ];
  return nestedAttribute(Attribute.familySpecific, [
    nestedAttribute(AF_INET, [nestedAttribute(INET_SETTINGS, settings)]),
  ]);
}

export function deleteLinkRequest(name: string): Request {
  return { type: MessageType.deleteLink, flags: Flag.ack, body: [ifinfo(0), textAttribute(Attribute.name, name)] };
}

/** All links of a group at once, or none when one of them is of a kind that cannot be removed. */
export function deleteGroupRequest(group: number): Request {
  return { type: MessageType.deleteLink, flags: Flag.ack, body: [ifinfo(0), u32Attribute(Attribute.group, group)] };
}

/** Reads RTM_NEWLINK and RTM_DELLINK. */
export function decodeLink(body: Uint8Array): LinkRecord {
  const view = viewOf(body);
  const flags = view.getUint32(8, LITTLE_ENDIAN);
  const attributes = parseAttributes(body, IFINFO_LENGTH);
  const kind = readText(readNested(attributes, Attribute.info), InfoAttribute.kind);
  const mac = attributes.get(Attribute.address);
  const alias = readText(attributes, Attribute.alias);
  const group = readU32(attributes, Attribute.group);
  const master = readU32(attributes, Attribute.master);
  const peer = kind === "veth" ? readU32(attributes, Attribute.link) : undefined;
  const peerNamespaceId = readU32(attributes, Attribute.linkNamespaceId);
  const link: Link = {
    index: view.getInt32(4, LITTLE_ENDIAN),
    name: readText(attributes, Attribute.name) ?? "",
    ...(kind ? { kind } : {}),
    ...(mac?.length === 6 && view.getUint16(2, LITTLE_ENDIAN) === ARPHRD_ETHER
      ? { mac: MacAddress.fromBytes(mac) }
      : {}),
    mtu: readU32(attributes, Attribute.mtu) ?? 0,
    up: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
    ...(alias ? { alias } : {}),
    ...(group ? { group } : {}),
    ...(master ? { master } : {}),
    ...(peer ? { peer } : {}),
  };
  return { link, family: view.getUint8(0), ...(peerNamespaceId === undefined ? {} : { peerNamespaceId }) };
}

const NETNSA_NSID = 1;
const NETNSA_FD = 3;

/** Which id this namespace has for the one behind a descriptor (linux/net_namespace.h). */
export function getNamespaceIdRequest(fd: number): Request {
  return {
    type: MessageType.getNamespaceId,
    flags: 0,
    body: [new Uint8Array(4), u32Attribute(NETNSA_FD, fd)], // struct rtgenmsg, padded
  };
}

/** -1 (0xffffffff): it has none. */
export function decodeNamespaceId(body: Uint8Array): number | undefined {
  const id = readU32(parseAttributes(body, 4), NETNSA_NSID);
  return id === 0xffffffff ? undefined : id;
}
