import { IpAddress } from "@holdfast/core";

import { attribute, LITTLE_ENDIAN, parseAttributes, u32Attribute, viewOf } from "./attributes.ts";
import { familyNumber } from "./family.ts";
import { Flag, MessageType, type Request } from "./message.ts";

/** Attributes of linux/if_addr.h. In IPv4 `local` is ours and `address` the far end of a point-to-point link; IPv6 has `address`. */
const Attribute = { address: 1, local: 2, flags: 8 } as const;
/** No duplicate address detection: the address works at once, and who has it is the controller's to know. */
const IFA_F_NODAD = 0x2;
/** rt_scope_t of linux/rtnetlink.h. */
const Scope = { universe: 0, link: 253 } as const;
const IFADDR_LENGTH = 8;

/** An address on a link known by index. */
export interface AddressRecord {
  readonly index: number;
  readonly address: IpAddress;
  readonly length: number;
  readonly scope?: "link";
}

/** struct ifaddrmsg: family u8, prefix length u8, flags u8, scope u8, link index u32. */
function ifaddr(family: number, length: number, index: number, scope: number = Scope.universe): Uint8Array {
  const bytes = Uint8Array.of(family, length, 0, scope, 0, 0, 0, 0);
  viewOf(bytes).setUint32(4, index, LITTLE_ENDIAN);
  return bytes;
}

/** `index` 0: of all links. */
export function listAddressesRequest(index: number): Request {
  return { type: MessageType.getAddress, flags: Flag.dump, body: [ifaddr(0, 0, index)] };
}

export function createAddressRequest(record: AddressRecord): Request {
  return {
    type: MessageType.newAddress,
    flags: Flag.create | Flag.exclusive | Flag.ack,
    body: [...addressBody(record), ...(isV6(record) ? [u32Attribute(Attribute.flags, IFA_F_NODAD)] : [])],
  };
}

export function deleteAddressRequest(record: AddressRecord): Request {
  return { type: MessageType.deleteAddress, flags: Flag.ack, body: addressBody(record) };
}

/** Reads RTM_NEWADDR and RTM_DELADDR; undefined for families that are not IP. */
export function decodeAddress(body: Uint8Array): AddressRecord | undefined {
  const attributes = parseAttributes(body, IFADDR_LENGTH);
  const bytes = attributes.get(Attribute.local) ?? attributes.get(Attribute.address);
  if (bytes === undefined || (bytes.length !== 4 && bytes.length !== 16)) return undefined;
  const isOfLink = bytes.length === 4 && viewOf(body).getUint8(3) === Scope.link;
  return {
    index: viewOf(body).getUint32(4, LITTLE_ENDIAN),
    address: IpAddress.fromBytes(bytes),
    length: viewOf(body).getUint8(1),
    ...(isOfLink ? { scope: "link" } : {}),
  };
}

function addressBody(record: AddressRecord): Uint8Array[] {
  const bytes = IpAddress.toBytes(record.address);
  return [
    ifaddr(familyNumber(record.address), record.length, record.index, Scope[record.scope ?? "universe"]),
    attribute(Attribute.local, bytes),
    attribute(Attribute.address, bytes),
  ];
}

function isV6(record: AddressRecord): boolean {
  return IpAddress.family(record.address) === "v6";
}
