import { Cidr, type Family, IpAddress, type Name } from "@holdfast/core";
import type { Claim, Subnet } from "@holdfast/model";
import type { NetworkState } from "../state/network-state.ts";
import type { StateChange } from "../state/records.ts";
import type { State } from "../state/state.ts";

/** What is claimed. */
export interface Count {
  readonly claims: number;
  /** Claimed addresses. */
  readonly addresses: number;
}

/** What is claimed of one subnet. */
export interface SubnetCount {
  readonly used: number;
  /** The part of the used addresses that no endpoint has. */
  readonly held: number;
}

/** Counts what is claimed, commit by commit, so that nobody has to go through the claims for it. Exactly what {@link State} holds. */
export interface UsageCounts {
  ofTenant(tenant: Name): Count;
  /** Claimed addresses of a network. */
  ofNetwork(network: NetworkState): number;
  ofSubnet(network: NetworkState, prefix: Cidr): SubnetCount;
  /** Counts everything that is in the state. */
  load(): void;
  follow(changes: readonly StateChange[]): void;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface SubnetCounter extends Mutable<SubnetCount> {
  readonly prefix: Cidr;
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

interface NetworkCounter {
  addresses: number;
  subnets: readonly SubnetCounter[];
}

const NOTHING: Count = { claims: 0, addresses: 0 };
const NONE_USED: SubnetCount = { used: 0, held: 0 };

export function createUsageCounts(state: State): UsageCounts {
  const tenants = new Map<Name, Mutable<Count>>();
  const networks = new WeakMap<NetworkState, NetworkCounter>();

  function counterOf(network: NetworkState): NetworkCounter {
    let counter = networks.get(network);
    if (counter === undefined) {
      counter = { addresses: 0, subnets: withSubnets([], network.record?.subnets) };
      networks.set(network, counter);
    }
    return counter;
  }

  function add(network: NetworkState, claim: Pick<Claim, "addresses" | "binding">, step: 1 | -1): void {
    const { addresses, binding } = claim;
    const counter = counterOf(network);
    counter.addresses += step * addresses.length;
    for (const address of addresses) {
      const subnet = subnetOf(counter.subnets, address);
      if (subnet === undefined) continue;
      subnet.used += step;
      if (binding === undefined) subnet.held += step;
    }
    const ofTenant = tenants.get(network.tenant) ?? { ...NOTHING };
    ofTenant.claims += step;
    ofTenant.addresses += step * addresses.length;
    if (ofTenant.claims > 0) tenants.set(network.tenant, ofTenant);
    else tenants.delete(network.tenant);
  }

  function followClaim({ before, after }: StateChange & { kind: "claim" }): void {
    const claim = after ?? before;
    const network = claim && state.network(claim.tenant, claim.network);
    if (network === undefined) return;
    if (before !== undefined && after !== undefined && countsTheSame(before, after)) return;
    if (before !== undefined) add(network, before, -1);
    if (after !== undefined) add(network, after, 1);
  }

  return {
    ofTenant: (tenant) => tenants.get(tenant) ?? NOTHING,
    ofNetwork: (network) => networks.get(network)?.addresses ?? 0,
    ofSubnet: (network, prefix) => networks.get(network)?.subnets.find((one) => one.prefix === prefix) ?? NONE_USED,

    load() {
      for (const ofTenant of state.networks.values()) {
        for (const network of ofTenant.values()) {
          for (const claim of network.claims.pick("addresses", "binding")) add(network, claim, 1);
        }
      }
    },

    follow(changes) {
      for (const change of changes) {
        if (change.kind !== "network" || change.after === undefined) continue;
        const network = state.network(change.after.tenant, change.after.name);
        if (network === undefined) continue;
        const counter = counterOf(network);
        counter.subnets = withSubnets(counter.subnets, change.after.subnets);
      }
      for (const change of changes) if (change.kind === "claim") followClaim(change);
    },
  };
}

/** The counters of these subnets: those that were there before go on. */
function withSubnets(before: readonly SubnetCounter[], subnets: readonly Subnet[] = []): readonly SubnetCounter[] {
  return subnets.map(({ prefix }) => {
    const known = before.find((one) => one.prefix === prefix);
    if (known !== undefined) return known;
    const first = IpAddress.toBigInt(Cidr.first(prefix));
    return { prefix, family: Cidr.family(prefix), first, last: first + Cidr.size(prefix) - 1n, used: 0, held: 0 };
  });
}

/** A network that has one subnet of the family has it there: no need to look at the address. */
function subnetOf(subnets: readonly SubnetCounter[], address: IpAddress): SubnetCounter | undefined {
  const family = IpAddress.family(address);
  const ofFamily = subnets.length === 1 ? subnets : subnets.filter((one) => one.family === family);
  if (ofFamily.length === 1) return ofFamily[0];
  const value = IpAddress.toBigInt(address);
  return ofFamily.find(({ first, last }) => first <= value && value <= last);
}

function countsTheSame(before: Claim, after: Claim): boolean {
  return (
    (before.binding === undefined) === (after.binding === undefined) &&
    before.addresses.length === after.addresses.length &&
    before.addresses.every((address, index) => address === after.addresses[index])
  );
}
