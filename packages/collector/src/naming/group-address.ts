import type { IpAddress, MacAddress } from "@holdfast/core";

/** Whether it is sent to several: multicast or broadcast (RFC 5771, RFC 4291 section 2.7, RFC 919). */
export function isGroupAddress(address: IpAddress): boolean {
  if (address.includes(":")) return address.startsWith("ff");
  const first = Number(address.slice(0, address.indexOf(".")));
  return first >= 224 && (first < 240 || address === "255.255.255.255");
}

/** The lowest bit of the first byte (IEEE 802 section 8.2). */
export function isGroupMac(mac: MacAddress): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}
