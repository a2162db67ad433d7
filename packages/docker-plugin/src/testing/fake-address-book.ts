import { Cidr, HoldfastError, Identity, IpAddress, MacAddress, type Name } from "@holdfast/core";
import type { ReserveRequest, WiredNetwork } from "@holdfast/model";
import { nthAddress } from "./fake-network.ts";

/** A claim of the fake: allocated before any container. */
export interface FakeClaim {
  readonly identity: Identity;
  readonly addresses: readonly IpAddress[];
  readonly mac: MacAddress;
}

/** A claim to be made; one that is not permanent ends with its endpoint. */
interface MadeClaim {
  readonly identity: Identity;
  readonly permanent: boolean;
}

/** The claims of the fake: who has which address of which network. */
export class FakeAddressBook {
  readonly #claims: { readonly key: string; readonly claim: FakeClaim; readonly permanent: boolean }[] = [];

  /** Allocates an address for an identity before there is a container. */
  claim(network: WiredNetwork, identity: string, addresses: readonly string[]): FakeClaim {
    const parsed = addresses.map(IpAddress.parse);
    const claim = { identity: Identity.parse(identity), addresses: parsed, mac: macOf(parsed, network) };
    this.#claims.push({ key: keyOf(network.tenant, network.name), claim, permanent: true });
    return claim;
  }

  /** The claim that answers a request, made under the identity `fresh` when there is none; it may be bound already. */
  claimFor(request: ReserveRequest, network: WiredNetwork, fresh: Identity): FakeClaim {
    const { address, identity, retention } = request;
    const isKept = identity !== undefined && retention !== undefined;
    const made = { identity: isKept ? identity : fresh, permanent: isKept && retention.kind !== "ephemeral" };
    if (address !== undefined) return this.#claimOfAddress([address, ...(request.also ?? [])], network, made);
    const named = this.#claims.find(
      ({ key, claim }) => key === keyOf(request.tenant, request.network) && claim.identity === identity,
    );
    if (named !== undefined) return named.claim;
    if (identity !== undefined && request.identityIsHint !== true && !isKept) {
      throw new HoldfastError("not_found", `${identity} has no claim on ${network.tenant}/${network.name}`);
    }
    return this.#make(this.#nextFree(network), network, made);
  }

  /** A claim that was made for a request alone ends with it. */
  release(released: FakeClaim): void {
    const index = this.#claims.findIndex(({ claim, permanent }) => claim === released && !permanent);
    if (index >= 0) this.#claims.splice(index, 1);
  }

  #claimOfAddress(asked: readonly IpAddress[], network: WiredNetwork, made: MadeClaim): FakeClaim {
    const [address = IpAddress.parse("0.0.0.0")] = asked;
    if (!network.subnets.some(({ prefix }) => Cidr.contains(prefix, address))) {
      throw new HoldfastError(
        "address_out_of_range",
        `${address} is in no subnet of ${network.tenant}/${network.name}`,
      );
    }
    const claimed = this.#claims.find(
      ({ key, claim }) => key === keyOf(network.tenant, network.name) && claim.addresses.includes(address),
    );
    if (claimed !== undefined) return claimed.claim;
    const rest = this.#nextFree(network);
    const families = new Set(asked.map(IpAddress.family));
    const others = rest.filter((candidate) => !families.has(IpAddress.family(candidate)));
    const addresses = [...asked, ...others].sort((a, b) => IpAddress.family(a).localeCompare(IpAddress.family(b)));
    return this.#make(addresses, network, made);
  }

  #make(addresses: readonly IpAddress[], network: WiredNetwork, { identity, permanent }: MadeClaim): FakeClaim {
    const claim = { identity, addresses, mac: macOf(addresses, network) };
    this.#claims.push({ key: keyOf(network.tenant, network.name), claim, permanent });
    return claim;
  }

  #nextFree(network: WiredNetwork): readonly IpAddress[] {
    return nextFree(network, (candidate) => this.#isTaken(network, candidate));
  }

  #isTaken(network: WiredNetwork, address: IpAddress): boolean {
    const key = keyOf(network.tenant, network.name);
    return this.#claims.some((entry) => entry.key === key && entry.claim.addresses.includes(address));
  }
}

/** The next free address of each family; the first five of a prefix are left for gateways and tests. */
function nextFree(network: WiredNetwork, isTaken: (address: IpAddress) => boolean): readonly IpAddress[] {
  const families = [...new Set(network.subnets.map(({ prefix }) => Cidr.family(prefix)))];
  return families.map((family) => {
    for (const { prefix } of network.subnets.filter((subnet) => Cidr.family(subnet.prefix) === family)) {
      for (let index = 5n; index < Cidr.size(prefix) - 1n; index++) {
        const address = nthAddress(prefix, index);
        if (!isTaken(address)) return address;
      }
    }
    throw new HoldfastError("pool_exhausted", `no free IP${family} address in ${network.tenant}/${network.name}`);
  });
}

function macOf([first]: readonly IpAddress[], { segment }: WiredNetwork): MacAddress {
  return MacAddress.ofAddress(first ?? IpAddress.parse("0.0.0.0"), segment);
}

function keyOf(tenant: Name, network: Name): string {
  return `${tenant}/${network}`;
}
