import type { Brand } from "./brand.ts";
import { HoldfastError } from "./errors.ts";
import { formatV4, formatV6, parseV4, parseV6 } from "./ip-text.ts";

/** Address family, as people write it. */
export type Family = "v4" | "v6";

/**
 * An IPv4 or IPv6 address in canonical text, e.g. `"10.20.0.7"` or `"fd00::7"` (RFC 5952: lower case, longest run of zeros cut).
 *
 * Two equal addresses are equal strings.
 */
export type IpAddress = Brand<string, "IpAddress">;

/** Companion of the type {@link IpAddress}. */
export const IpAddress = {
  /** @throws HoldfastError `invalid_argument` when the text is no address. */
  parse(text: string): IpAddress {
    const address = IpAddress.tryParse(text);
    if (address === undefined)
      throw new HoldfastError("invalid_argument", `not an IP address: ${JSON.stringify(text)}`);
    return address;
  },

  tryParse(text: string): IpAddress | undefined {
    if (text.includes(":")) {
      const groups = parseV6(text);
      return groups === undefined ? undefined : (formatV6(groups) as IpAddress);
    }
    const value = parseV4(text);
    return value === undefined ? undefined : (formatV4(value) as IpAddress);
  },

  family(address: IpAddress): Family {
    return address.includes(":") ? "v6" : "v4";
  },

  /** How many bits addresses of a family have: 32 or 128. */
  bits(family: Family): number {
    return family === "v4" ? 32 : 128;
  },

  /** The address as an unsigned number of 32 or 128 bits. */
  toBigInt(address: IpAddress): bigint {
    if (!address.includes(":")) return BigInt(parseV4(address) ?? 0);
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = parseV6(address) ?? [];
    // In parts that numbers hold exactly: one conversion per group would take several times as long.
    const high = a * 2 ** 32 + b * 2 ** 16 + c;
    const middle = d * 2 ** 32 + e * 2 ** 16 + f;
    return (BigInt(high) << 80n) | (BigInt(middle) << 32n) | BigInt(g * 2 ** 16 + h);
  },

  /** @throws HoldfastError `invalid_argument` when the number does not fit the family. */
  fromBigInt(family: Family, value: bigint): IpAddress {
    if (value < 0n || value >> BigInt(IpAddress.bits(family)) !== 0n) {
      throw new HoldfastError("invalid_argument", `${value} is outside the ${family} address space`);
    }
    return (family === "v4" ? formatV4(Number(value)) : formatV6(groupsOf(value))) as IpAddress;
  },

  /** An IPv4 address as a number from 0 to 2^32 - 1, much quicker than {@link IpAddress.toBigInt}; undefined for every other text. */
  toV4Number: (text: string): number | undefined => parseV4(text),

  /** The way back from {@link IpAddress.toV4Number}; only the low 32 bits count. */
  fromV4Number: (value: number): IpAddress => formatV4(value) as IpAddress,

  /** Network byte order: 4 or 16 bytes. */
  toBytes(address: IpAddress): Uint8Array {
    const v4 = parseV4(address);
    if (v4 !== undefined) return Uint8Array.of(v4 >>> 24, v4 >>> 16, v4 >>> 8, v4);
    const bytes = new Uint8Array(16);
    for (const [index, group] of (parseV6(address) ?? []).entries()) {
      bytes[2 * index] = group >>> 8;
      bytes[2 * index + 1] = group;
    }
    return bytes;
  },

  /** @throws HoldfastError `invalid_argument` unless there are 4 or 16 bytes. */
  fromBytes(bytes: Uint8Array): IpAddress {
    if (bytes.length !== 4 && bytes.length !== 16) {
      throw new HoldfastError("invalid_argument", `an address has 4 or 16 bytes, not ${bytes.length}`);
    }
    if (bytes.length === 4) return bytes.join(".") as IpAddress;
    const groups = Array.from({ length: 8 }, (_, index) => (bytes[2 * index] ?? 0) * 256 + (bytes[2 * index + 1] ?? 0));
    return formatV6(groups) as IpAddress;
  },
};

function groupsOf(value: bigint): number[] {
  const parts = [value >> 80n, (value >> 32n) & 0xffff_ffff_ffffn].map(Number);
  const low = Number(value & 0xffff_ffffn);
  return [...parts.flatMap((part) => [part / 2 ** 32, part / 2 ** 16, part]), low / 2 ** 16, low].map(
    (number) => Math.floor(number) % 65_536,
  );
}
