import { IpAddress, MacAddress } from "@holdfast/core";

/** Frames in which neighbours say and ask whose an address is, byte by byte. */

const BROADCAST = MacAddress.parse("ff:ff:ff:ff:ff:ff");

/** ARP for Ethernet and IPv4 (RFC 826) to all: a request (1) or a reply (2) of who has `mac` and `address`, about an address. */
export function arp(
  mac: MacAddress,
  address: IpAddress,
  { operation, about }: { readonly operation: 1 | 2; readonly about: IpAddress },
): Uint8Array {
  const own = [...MacAddress.toBytes(mac), ...IpAddress.toBytes(address)];
  const target = operation === 1 ? [0, 0, 0, 0, 0, 0] : MacAddress.toBytes(mac);
  return Uint8Array.of(
    ...ethernet(BROADCAST, mac, 0x0806),
    ...[0, 1, 8, 0, 6, 4, 0, operation], // Ethernet, IPv4, address lengths.
    ...own,
    ...target,
    ...IpAddress.toBytes(about),
  );
}

/** An ICMPv6 message of neighbour discovery (RFC 4861), from its type on; its checksum is filled in. */
export function icmpv6(frame: {
  readonly to: MacAddress;
  readonly from: MacAddress;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly message: readonly number[];
}): Uint8Array {
  const { to, from, source, destination } = frame;
  const message = Uint8Array.from(frame.message);
  new DataView(message.buffer).setUint16(2, checksum(source, destination, message));
  return Uint8Array.of(
    ...ethernet(to, from, 0x86dd),
    ...[0x60, 0, 0, 0, 0, message.length, 58, 255], // ICMPv6, hop limit 255.
    ...IpAddress.toBytes(source),
    ...IpAddress.toBytes(destination),
    ...message,
  );
}

export function ethernet(to: MacAddress, from: MacAddress, type: number): readonly number[] {
  return [...MacAddress.toBytes(to), ...MacAddress.toBytes(from), type >> 8, type & 0xff];
}

/** Of ICMPv6 with its pseudo-header (RFC 8200 section 8.1). */
function checksum(source: IpAddress, destination: IpAddress, message: Uint8Array): number {
  const pseudo = [
    ...IpAddress.toBytes(source),
    ...IpAddress.toBytes(destination),
    0,
    0,
    0,
    message.length,
    0,
    0,
    0,
    58,
  ];
  const bytes = [...pseudo, ...message];
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2) sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
