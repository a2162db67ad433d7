import { Cidr, HoldfastError, IpAddress } from "@holdfast/core";
import type { AllowedDestinations } from "./allowed.ts";

/** Where webhooks of tenants may go: tenants make the collector send, from where it stands. */
export interface Destinations {
  /**
   * The addresses of a host; to these, and no others, may be connected.
   *
   * @param host as a URL has it: a name, an address, or an IPv6 address in brackets
   * @throws HoldfastError `precondition_failed` when one of them is refused; whatever the look-up throws
   */
  resolve(host: string): Promise<readonly IpAddress[]>;
  /** Why it is refused, as far as that can be told without asking anybody, e.g. `"a loopback address"`. Undefined: it is not. */
  whyRefused(host: string): string | undefined;
}

export interface DestinationsDependencies {
  /** All addresses of a name. */
  readonly lookup: (host: string) => Promise<readonly string[]>;
  /** Those of this machine, now. */
  readonly ownAddresses: () => readonly string[];
}

export interface DestinationSettings {
  readonly allow: AllowedDestinations;
  /** What the collector itself needs: hosts of the controller, of Redis and of the store. */
  readonly platformHosts: readonly string[];
}

const PLATFORM = "a machine of the platform";
const REFUSED = (
  [
    ["0.0.0.0/8", "a loopback address"],
    ["127.0.0.0/8", "a loopback address"],
    // Where clouds tell a machine its own credentials.
    ["169.254.0.0/16", "a link-local address"],
    ["224.0.0.0/3", "a multicast or reserved address"],
    // Also IPv4 addresses as RFC 4291 section 2.5.5.1 had them.
    ["::/96", "a loopback address"],
    ["fe80::/10", "a link-local address"],
    ["ff00::/8", "a multicast or reserved address"],
  ] as const
).map(([prefix, words]) => ({ prefix: Cidr.parse(prefix), words }));

export function createDestinations(
  { lookup, ownAddresses }: DestinationsDependencies,
  { allow, platformHosts }: DestinationSettings,
): Destinations {
  const isAllowed = (address: IpAddress): boolean => allow.prefixes.some((prefix) => Cidr.contains(prefix, address));

  function refusal(address: IpAddress, platform: ReadonlySet<string>): string | undefined {
    if (isAllowed(address)) return undefined;
    const kind = REFUSED.find(({ prefix }) => Cidr.contains(prefix, address));
    return kind?.words ?? (platform.has(address) ? PLATFORM : undefined);
  }

  async function addressesOf(host: string): Promise<readonly IpAddress[]> {
    const literal = literalOf(host);
    return literal === undefined ? (await lookup(host)).map(IpAddress.parse) : [literal];
  }

  /** Asked for each time: names lead elsewhere, and machines get addresses, while the collector runs. */
  async function platformAddresses(): Promise<ReadonlySet<string>> {
    const found = await Promise.all(platformHosts.map(addressesOf));
    return new Set([...ownAddresses().map(plain), ...found.flat().map(plain)]);
  }

  return {
    async resolve(host) {
      const addresses = await addressesOf(host);
      if (allow.hosts.includes(host)) return addresses;
      const platform = await platformAddresses();
      for (const address of addresses) {
        const why = refusal(plain(address), platform);
        if (why !== undefined) throw refused(why);
      }
      return addresses;
    },
    whyRefused(host) {
      const address = literalOf(host);
      return address && refusal(plain(address), new Set(ownAddresses().map(plain)));
    },
  };
}

/** Without the address itself: what names lead to inside is not for everybody. */
function refused(why: string): HoldfastError {
  return new HoldfastError("precondition_failed", refusedText(why));
}

export function refusedText(why: string): string {
  return `a tenant's webhook may not go to ${why}; what else it may is said by the collector's --webhook-allow`;
}

function literalOf(host: string): IpAddress | undefined {
  return IpAddress.tryParse(host.replace(/^\[|\]$/g, ""));
}

/** The IPv4 address that packets to an IPv6 address go to (RFC 4291 section 2.5.5.2, RFC 6052), else the address itself. */
function plain(text: string): IpAddress {
  const address = IpAddress.parse(text);
  if (IpAddress.family(address) === "v4") return address;
  const bits = IpAddress.toBigInt(address);
  const high = bits >> 32n;
  return high === 0xffffn || high === 0x64ff9bn << 64n ? IpAddress.fromBigInt("v4", bits & 0xffff_ffffn) : address;
}
