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
      const value = parseV6(text);
      return value === undefined ? undefined : (formatV6(value) as IpAddress);
    }
    const value = parseV4(text);
    return value === undefined ? undefined : (formatV4(value) as IpAddress);
  },

  family(address: IpAddress): Family {
    return address.includes(":") ? "v6" : "v4";
  },

  /** The address as an unsigned number of 32 or 128 bits. */
  toBigInt(address: IpAddress): bigint {
    return (address.includes(":") ? parseV6(address) : BigInt(parseV4(address) ?? 0)) ?? 0n;
  },

  /** @throws HoldfastError `invalid_argument` when the number does not fit the family. */
  fromBigInt(family: Family, value: bigint): IpAddress {
    const bits = family === "v4" ? 32n : 128n;
    if (value < 0n || value >> bits !== 0n) {
      throw new HoldfastError("invalid_argument", `${value} is outside the ${family} address space`);
    }
    return (family === "v4" ? formatV4(Number(value)) : formatV6(value)) as IpAddress;
  },

  /** An IPv4 address as a number from 0 to 2^32 - 1, much quicker than {@link IpAddress.toBigInt}; undefined for every other text. */
  toV4Number: (text: string): number | undefined => parseV4(text),

  /** The way back from {@link IpAddress.toV4Number}; only the low 32 bits count. */
  fromV4Number: (value: number): IpAddress => formatV4(value) as IpAddress,

  /** Network byte order: 4 or 16 bytes. */
  toBytes(address: IpAddress): Uint8Array {
    const length = IpAddress.family(address) === "v4" ? 4 : 16;
    const bytes = new Uint8Array(length);
    let value = IpAddress.toBigInt(address);
    for (let index = length - 1; index >= 0; index--) {
      bytes[index] = Number(value & 0xffn);
      value >>= 8n;
    }
    return bytes;
  },

  /** @throws HoldfastError `invalid_argument` unless there are 4 or 16 bytes. */
  fromBytes(bytes: Uint8Array): IpAddress {
    if (bytes.length !== 4 && bytes.length !== 16) {
      throw new HoldfastError("invalid_argument", `an address has 4 or 16 bytes, not ${bytes.length}`);
    }
    let value = 0n;
    for (const byte of bytes) value = (value << 8n) | BigInt(byte);
    return IpAddress.fromBigInt(bytes.length === 4 ? "v4" : "v6", value);
  },
};
