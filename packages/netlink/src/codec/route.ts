import { Cidr, IpAddress } from "@holdfast/core";

import type { Route } from "../kernel.ts";
import {
  attribute,
  LITTLE_ENDIAN,
  nestedAttribute,
  parseAttributes,
  readNested,
  readU32,
  u32Attribute,
  viewOf,
} from "./attributes.ts";
import { AF_INET, AF_INET6, familyNumber } from "./family.ts";
import { Flag, MessageType, type Request } from "./message.ts";

/** Attributes of linux/rtnetlink.h. */
const Attribute = {
  destination: 1,
  link: 4,
  gateway: 5,
  priority: 6,
  source: 7,
  metrics: 8,
  table: 15,
  via: 18,
} as const;
const RTAX_MTU = 2;
const RT_TABLE_MAIN = 254;
const RouteType = { unicast: 1, unreachable: 7 } as const;
const RTM_F_CLONED = 0x200;
const RTMSG_LENGTH = 12;
const Scope = { global: 0, link: 253, host: 254, nowhere: 255 } as const;

/** What the kernel makes of a v6 route without metric (IP6_RT_PRIO_USER); we call it none. */
export const DEFAULT_V6_METRIC = 1024;

/** A route on a link known by index. */
export type RouteRecord = Omit<Route, "link"> & { readonly index?: number };

interface RouteHead {
  readonly family: number;
  readonly length?: number;
  readonly protocol?: number;
  readonly scope?: number;
  readonly type?: number;
}

/** struct rtmsg: family, destination length, source length, tos, table, protocol, scope, type: u8 each; flags u32. */
function rtmsg(head: RouteHead): Uint8Array {
  const { family, length = 0, protocol = 0, scope = 0, type = 0 } = head;
  return Uint8Array.of(family, length, 0, 0, RT_TABLE_MAIN, protocol, scope, type, 0, 0, 0, 0);
}

/** The kernel filters by table, and by protocol and link where given (needs NETLINK_GET_STRICT_CHK). */
export function listRoutesRequest(family: number, filter: { protocol?: number | undefined; index?: number }): Request {
  return {
    type: MessageType.getRoute,
    flags: Flag.dump,
    body: [
      rtmsg({ family, ...(filter.protocol === undefined ? {} : { protocol: filter.protocol }) }),
      u32Attribute(Attribute.table, RT_TABLE_MAIN),
      ...(filter.index === undefined ? [] : [u32Attribute(Attribute.link, filter.index)]),
    ],
  };
}

export function replaceRouteRequest(route: RouteRecord): Request {
  const scope = Scope[route.scope ?? defaultScope(route)];
  return {
    type: MessageType.newRoute,
    flags: Flag.create | Flag.replace | Flag.ack,
    body: [
      ...routeBody(route, { scope, type: RouteType[route.type ?? "unicast"] }),
      ...(route.source === undefined ? [] : [attribute(Attribute.source, IpAddress.toBytes(route.source))]),
      ...(route.mtu === undefined ? [] : [nestedAttribute(Attribute.metrics, [u32Attribute(RTAX_MTU, route.mtu)])]),
    ],
  };
}

/** A route is known by prefix, next hop, link, metric and protocol; what else it says does not hinder its removal. */
export function deleteRouteRequest(route: RouteRecord): Request {
  return {
    type: MessageType.deleteRoute,
    flags: Flag.ack,
    body: routeBody(route, { scope: Scope.nowhere, type: RouteType[route.type ?? "unicast"] }),
  };
}

/** Without a next hop the destination is on the link itself, if it is anywhere. IPv6 knows no scopes of routes. */
export function defaultScope(route: Pick<Route, "prefix" | "type" | "nextHop">): "global" | "link" {
  return route.type === undefined && route.nextHop === undefined && !route.prefix.includes(":") ? "link" : "global";
}

/** Reads RTM_NEWROUTE and RTM_DELROUTE; undefined for what is neither a unicast nor an unreachable route of the main table. */
export function decodeRoute(body: Uint8Array): RouteRecord | undefined {
  const view = viewOf(body);
  const family = view.getUint8(0);
  const attributes = parseAttributes(body, RTMSG_LENGTH);
  const table = readU32(attributes, Attribute.table) ?? view.getUint8(4);
  const cloned = view.getUint32(8, LITTLE_ENDIAN) & RTM_F_CLONED;
  const type = view.getUint8(7);
  const isUnreachable = type === RouteType.unreachable;
  if ((family !== AF_INET && family !== AF_INET6) || cloned) return undefined;
  if (type !== RouteType.unicast && !isUnreachable) return undefined;
  if (table !== RT_TABLE_MAIN) return undefined;

  const destination = attributes.get(Attribute.destination) ?? new Uint8Array(family === AF_INET ? 4 : 16);
  const gateway = attributes.get(Attribute.gateway) ?? attributes.get(Attribute.via)?.subarray(2);
  const source = attributes.get(Attribute.source);
  // The kernel gives unreachable routes of IPv6 the loopback's link.
  const index = isUnreachable ? undefined : readU32(attributes, Attribute.link);
  const metric = readU32(attributes, Attribute.priority) ?? 0;
  const mtu = readU32(readNested(attributes, Attribute.metrics), RTAX_MTU);
  const scope = scopeName(view.getUint8(6));
  const prefix = Cidr.of(IpAddress.fromBytes(destination), view.getUint8(1));
  const nextHop = gateway === undefined ? {} : { nextHop: IpAddress.fromBytes(gateway) };
  const where = { ...(isUnreachable ? { type: "unreachable" as const } : {}), ...nextHop };
  return {
    prefix,
    ...where,
    ...(index === undefined ? {} : { index }),
    protocol: view.getUint8(5),
    ...(scope === defaultScope({ prefix, ...where }) ? {} : { scope }),
    ...(metric === (family === AF_INET ? 0 : DEFAULT_V6_METRIC) ? {} : { metric }),
    ...(source === undefined ? {} : { source: IpAddress.fromBytes(source) }),
    ...(mtu ? { mtu } : {}),
  };
}

function routeBody(route: RouteRecord, head: Pick<RouteHead, "scope" | "type">): Uint8Array[] {
  const prefix = Cidr.parse(route.prefix);
  const first = Cidr.first(prefix);
  const metric = route.metric ?? (Cidr.family(prefix) === "v4" ? 0 : DEFAULT_V6_METRIC);
  return [
    rtmsg({ family: familyNumber(first), length: Cidr.length(prefix), protocol: route.protocol, ...head }),
    ...(Cidr.length(prefix) === 0 ? [] : [attribute(Attribute.destination, IpAddress.toBytes(first))]),
    ...(route.nextHop === undefined ? [] : [gatewayAttribute(prefix, route.nextHop)]),
    ...(route.index === undefined ? [] : [u32Attribute(Attribute.link, route.index)]),
    ...(metric === 0 ? [] : [u32Attribute(Attribute.priority, metric)]),
  ];
}

/** RTA_VIA (struct rtvia: family u16, address) where the next hop is of another family than the prefix (RFC 8950). */
function gatewayAttribute(prefix: Cidr, nextHop: IpAddress): Uint8Array {
  const bytes = IpAddress.toBytes(nextHop);
  if (Cidr.family(prefix) === IpAddress.family(nextHop)) return attribute(Attribute.gateway, bytes);
  return attribute(Attribute.via, Uint8Array.of(familyNumber(nextHop), 0, ...bytes));
}

function scopeName(scope: number): "global" | "link" | "host" {
  if (scope === Scope.link) return "link";
  return scope === Scope.host ? "host" : "global";
}
