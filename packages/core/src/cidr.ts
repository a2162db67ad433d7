import type { Brand } from "./brand.ts";
import { HoldfastError } from "./errors.ts";
import { type Family, IpAddress } from "./ip-address.ts";

/**
 * A prefix in canonical CIDR text: host bits zero, e.g. `"10.20.0.0/16"` or `"fd00:20::/64"` (RFC 4632 section 3.1, RFC 4291 section 2.3).
 */
export type Cidr = Brand<string, "Cidr">;

/** Companion of the type {@link Cidr}. */
export const Cidr = {
  /** @throws HoldfastError `invalid_argument`: no prefix, or host bits are set (the message names the prefix that was probably meant). */
  parse(text: string): Cidr {
    const { address, length } = splitPrefix(text);
    const first = firstOf(address, length);
    if (first !== address) {
      throw new HoldfastError("invalid_argument", `host bits are set in ${text}; the prefix is ${first}/${length}`);
    }
    return `${first}/${length}` as Cidr;
  },

  /** The prefix that an address with a length lies in, e.g. `("10.20.0.7", 16)` gives `10.20.0.0/16`. */
  of(address: IpAddress, length: number): Cidr {
    return `${firstOf(address, length)}/${length}` as Cidr;
  },

  /** The prefix that is one address, e.g. `10.20.0.7/32`. */
  host(address: IpAddress): Cidr {
    return `${address}/${IpAddress.bits(IpAddress.family(address))}` as Cidr;
  },

  /** Whether it is one address: of the whole length. */
  isHost(cidr: Cidr): boolean {
    return Cidr.length(cidr) === IpAddress.bits(Cidr.family(cidr));
  },

  family(cidr: Cidr): Family {
    return cidr.includes(":") ? "v6" : "v4";
  },

  /** Prefix length in bits, e.g. 16. */
  length(cidr: Cidr): number {
    return Number(cidr.slice(cidr.indexOf("/") + 1));
  },

  /** The lowest address: the network address. */
  first(cidr: Cidr): IpAddress {
    return cidr.slice(0, cidr.indexOf("/")) as IpAddress;
  },

  /** The highest address: in v4 the broadcast address. */
  last(cidr: Cidr): IpAddress {
    const first = IpAddress.toBigInt(Cidr.first(cidr));
    return IpAddress.fromBigInt(Cidr.family(cidr), first + Cidr.size(cidr) - 1n);
  },

  /** Number of addresses the prefix covers, network and broadcast included. */
  size(cidr: Cidr): bigint {
    return 1n << BigInt(IpAddress.bits(Cidr.family(cidr)) - Cidr.length(cidr));
  },

  contains(cidr: Cidr, address: IpAddress): boolean {
    return Cidr.family(cidr) === IpAddress.family(address) && firstOf(address, Cidr.length(cidr)) === Cidr.first(cidr);
  },

  overlap(a: Cidr, b: Cidr): boolean {
    return Cidr.contains(a, Cidr.first(b)) || Cidr.contains(b, Cidr.first(a));
  },
};

/**
 * An address with the length of its on-link prefix, as interfaces carry it: `"10.20.0.7/16"`.
 *
 * @throws HoldfastError `invalid_argument`.
 */
export function parseInterfaceAddress(text: string): { address: IpAddress; length: number } {
  return splitPrefix(text);
}

function splitPrefix(text: string): { address: IpAddress; length: number } {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = IpAddress.tryParse(match?.[1] ?? "");
  const length = Number(match?.[2]);
  if (address === undefined || length > IpAddress.bits(IpAddress.family(address))) {
    throw new HoldfastError("invalid_argument", `not a prefix in CIDR form: ${JSON.stringify(text)}`);
  }
  return { address, length };
}

function firstOf(address: IpAddress, length: number): IpAddress {
  const family = IpAddress.family(address);
  const hostBits = BigInt(IpAddress.bits(family) - length);
  return IpAddress.fromBigInt(family, (IpAddress.toBigInt(address) >> hostBits) << hostBits);
}
