import { IpAddress, MacAddress } from "@holdfast/core";

/** The link-local address that a kernel makes from a MAC: `fe80::` and the modified EUI-64 (RFC 4291 appendix A). */
export function linkLocalOf(mac: MacAddress): IpAddress {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = MacAddress.toBytes(mac);
  return IpAddress.fromBytes(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 0x02, b, c, 0xff, 0xfe, d, e, f));
}
