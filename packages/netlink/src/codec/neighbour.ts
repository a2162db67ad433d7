import { IpAddress, MacAddress } from "@holdfast/core";

import type { Neighbour } from "../kernel.ts";
import { attribute, LITTLE_ENDIAN, parseAttributes, u32Attribute, viewOf } from "./attributes.ts";
import { AF_INET, AF_INET6, familyNumber } from "./family.ts";
import { Flag, MessageType, type Request } from "./message.ts";

/** Attributes of linux/neighbour.h. */
const Attribute = { destination: 1, mac: 2, link: 8 } as const;
const NDMSG_LENGTH = 12;
/** ndm_state is a set of bits of which one is on. */
const State = { reachable: 0x02, stale: 0x04, noArp: 0x40, permanent: 0x80 } as const;

/** A neighbour on a link known by index. */
export type NeighbourRecord = Omit<Neighbour, "link"> & { readonly index: number };

/** struct ndmsg: family u8, padding of 3, link index i32, state u16, flags u8, type u8. */
function ndmsg(family: number, index: number, state: number): Uint8Array {
  const bytes = new Uint8Array(NDMSG_LENGTH);
  const view = viewOf(bytes);
  view.setUint8(0, family);
  view.setInt32(4, index, LITTLE_ENDIAN);
  view.setUint16(8, state, LITTLE_ENDIAN);
  return bytes;
}

/** `index` 0: of all links. */
export function listNeighboursRequest(index: number): Request {
  return {
    type: MessageType.getNeighbour,
    flags: Flag.dump,
    body: [ndmsg(0, 0, 0), ...(index === 0 ? [] : [u32Attribute(Attribute.link, index)])],
  };
}

export function replaceNeighbourRequest(
  neighbour: NeighbourRecord & { readonly state: "permanent" | "reachable" | "stale" },
): Request {
  return {
    type: MessageType.newNeighbour,
    flags: Flag.create | Flag.replace | Flag.ack,
    body: [
      ndmsg(familyNumber(neighbour.address), neighbour.index, State[neighbour.state]),
      attribute(Attribute.destination, IpAddress.toBytes(neighbour.address)),
      attribute(Attribute.mac, MacAddress.toBytes(neighbour.mac)),
    ],
  };
}

export function deleteNeighbourRequest(neighbour: Pick<NeighbourRecord, "index" | "address">): Request {
  return {
    type: MessageType.deleteNeighbour,
    flags: Flag.ack,
    body: [
      ndmsg(familyNumber(neighbour.address), neighbour.index, 0),
      attribute(Attribute.destination, IpAddress.toBytes(neighbour.address)),
    ],
  };
}

/** What RTM_NEWNEIGH and RTM_DELNEIGH say; without a MAC when the neighbour has not been (or is no longer) found. */
export type NeighbourNews = Omit<NeighbourRecord, "mac"> & { readonly mac?: MacAddress };

/** Undefined for what is no IP neighbour with an Ethernet address to resolve (bridge entries, multicast). */
export function decodeNeighbour(body: Uint8Array): NeighbourNews | undefined {
  const view = viewOf(body);
  const family = view.getUint8(0);
  const state = view.getUint16(8, LITTLE_ENDIAN);
  const attributes = parseAttributes(body, NDMSG_LENGTH);
  const destination = attributes.get(Attribute.destination);
  if ((family !== AF_INET && family !== AF_INET6) || state === State.noArp || destination === undefined)
    return undefined;
  const mac = attributes.get(Attribute.mac);
  return {
    index: view.getInt32(4, LITTLE_ENDIAN),
    address: IpAddress.fromBytes(destination),
    ...(mac?.length === 6 ? { mac: MacAddress.fromBytes(mac) } : {}),
    state: stateName(state),
  };
}

function stateName(state: number): Neighbour["state"] {
  if (state === State.permanent) return "permanent";
  if (state === State.reachable) return "reachable";
  return state === State.stale ? "stale" : "other";
}
