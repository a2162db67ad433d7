import { IpAddress } from "@holdfast/core";
import type { Field } from "./fields.ts";
import { macFromNumber } from "./match-fields.ts";

const RESERVED_PORTS: Readonly<Record<number, string>> = {
  4294967287: "UNSET",
  4294967288: "IN_PORT",
  4294967289: "TABLE",
  4294967290: "NORMAL",
  4294967291: "FLOOD",
  4294967292: "ALL",
  4294967293: "CONTROLLER",
  4294967294: "LOCAL",
  4294967295: "NONE",
};

/** A port number, or the name of a reserved one (OFPP_*). */
export function formatPort(port: number): string {
  return RESERVED_PORTS[port] ?? String(port);
}

/** The value of a `set_field`, written as the field is. */
export function formatSetValue(field: Field, value: bigint): string {
  switch (field.style) {
    case "decimal":
      return String(value);
    case "hexadecimal":
      return hexOrZero(value);
    case "ethernet":
      return macFromNumber(value);
    case "ipv4":
      return IpAddress.fromBigInt("v4", value);
    case "ipv6":
      return formatIpv6(value);
    case "port":
      return formatPort(field.bytes === 2 && value >= 0xff00n ? Number(value) + 0xffff_0000 : Number(value));
  }
}

/** As `%#x` of C: zero has no prefix. */
export function hexOrZero(value: bigint): string {
  return value === 0n ? "0" : `0x${value.toString(16)}`;
}

/** An IP address, with `/length` when the mask is a prefix and `/mask` when it is not. */
export function formatMaskedIp(family: "v4" | "v6", value: bigint, mask: bigint | undefined): string {
  const text = (number: bigint): string => (family === "v4" ? IpAddress.fromBigInt("v4", number) : formatIpv6(number));
  if (mask === undefined) return text(value);
  const length = prefixLength(mask, IpAddress.bits(family));
  return `${text(value)}/${length ?? text(mask)}`;
}

export function formatMaskedMac(value: bigint, mask: bigint | undefined): string {
  return mask === undefined ? macFromNumber(value) : `${macFromNumber(value)}/${macFromNumber(mask)}`;
}

function prefixLength(mask: bigint, bits: number): number | undefined {
  const inverse = ((1n << BigInt(bits)) - 1n) ^ mask;
  if ((inverse & (inverse + 1n)) !== 0n) return undefined;
  return inverse === 0n ? bits : bits - inverse.toString(2).length;
}

/** As inet_ntop(3) of glibc: like RFC 5952, but IPv4-mapped and IPv4-compatible addresses end in dotted form. */
function formatIpv6(value: bigint): string {
  const head = value >> 32n;
  const compatible = head === 0n && value >> 16n !== 0n;
  if (head !== 0xffffn && !compatible) return IpAddress.fromBigInt("v6", value);
  return `${head === 0n ? "::" : "::ffff:"}${IpAddress.fromBigInt("v4", value & 0xffff_ffffn)}`;
}
