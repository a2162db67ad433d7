import { Cidr, HoldfastError, type Identity, type IpAddress, type Name } from "@holdfast/core";
import type { Claim, FoundConflict, QuarantinedAddress } from "@holdfast/model";
import { withholdAddresses } from "../blocks/block-drafts.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type Platform, timestamp } from "../platform.ts";
import { notFound, requireNetwork } from "../refusals.ts";
import type { Caller, Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { NetworkState } from "../state/network-state.ts";
import type { QuarantineEntry } from "../state/quarantine-table.ts";
import type { Quarantined, StoredNetwork } from "../state/records.ts";

/** What names an address of a network. */
export interface QuarantineName {
  readonly tenant: Name;
  readonly network: Name;
  readonly address: IpAddress;
}

/** The endpoint whose node has found machines outside. */
export interface Finder {
  readonly tenant: Name;
  readonly network: Name;
  readonly identity: Identity;
  readonly addresses: readonly IpAddress[];
  readonly node: Name;
  readonly endpoint: string;
  readonly requestId: string | undefined;
}

/** Addresses that machines outside have are given to nobody. */
export interface Quarantine {
  /** Notes what a node has found, as part of a commit. What is in quarantine already stays as it is. */
  put(draft: Draft, finder: Finder, conflicts: readonly FoundConflict[]): void;
  /** Ends it, as part of a commit. A claim that has the address has not used it yet: it is looked for again before it does. */
  end(draft: Draft, network: NetworkState, entry: QuarantineEntry, how: Ending): void;
  /** @throws HoldfastError `not_found`: the address is not in quarantine. */
  release(name: QuarantineName, reason: string | undefined, caller: Caller): Promise<QuarantinedAddress>;
}

interface Ending {
  readonly actor: string;
  readonly requestId?: string | undefined;
  readonly reason?: string | undefined;
}

export function createQuarantine({ state, changer, clock }: Platform, ledger: Ledger): Quarantine {
  function endOf(network: NetworkState, since: string): { until?: string } {
    const seconds = network.record?.conflictProbe?.quarantineSeconds;
    return seconds === undefined ? {} : { until: new Date(Date.parse(since) + seconds * 1000).toISOString() };
  }

  function put(draft: Draft, finder: Finder, conflicts: readonly FoundConflict[]): void {
    const { tenant, network: name, identity, node, endpoint, requestId } = finder;
    const network = state.network(tenant, name);
    const found = new Map(conflicts.map((conflict) => [conflict.address, conflict]));
    const taken = [...found.values()].filter(
      ({ address }) =>
        finder.addresses.includes(address) && isCovered(network, address) && !network?.quarantine.has(address),
    );
    if (network === undefined || taken.length === 0) return;
    withholdAddresses(
      draft,
      network,
      taken.map(({ address }) => address),
    );
    const since = timestamp(clock);
    for (const { address, mac } of taken) {
      const record: Quarantined = { mac, node, endpoint, identity, since, ...endOf(network, since) };
      draft.expect(keys.quarantine(tenant, name, address), 0);
      draft.put(keys.quarantine(tenant, name, address), record);
      const reason = `${mac} answered for it on node ${node}`;
      const event = { event: "quarantined", actor: `node/${node}`, requestId, node, endpoint, reason } as const;
      ledger.record(draft, { tenant, network: name, identity, addresses: [address] }, event);
    }
  }

  function end(draft: Draft, network: NetworkState, entry: QuarantineEntry, how: Ending): void {
    const { tenant, name } = network;
    const { address } = entry;
    draft.expect(keys.quarantine(tenant, name, address), entry.revision);
    draft.delete(keys.quarantine(tenant, name, address));
    const owner = network.addresses.get(address);
    const identity = owner ?? entry.identity;
    ledger.record(draft, { tenant, network: name, identity, addresses: [address] }, { event: "cleared", ...how });
  }

  return {
    put,
    end,
    async release({ tenant, network: name, address }, reason, { actor, requestId }) {
      const { result } = await changer.change((draft) => {
        const { network } = requireNetwork(state, tenant, name);
        const entry = network.quarantine.get(address);
        if (entry === undefined) {
          throw notFound(
            `address ${address} in quarantine in network ${tenant}/${name}`,
            "see: holdfast ip quarantine",
          );
        }
        end(draft, network, entry, { actor, requestId, reason });
        return { ...entry, tenant, network: name };
      });
      return result;
    },
  };
}

/** After an event of a claim: of its addresses in quarantine, the last word is that they are. */
export function recordQuarantined(draft: Draft, ledger: Ledger, network: NetworkState, claim: Claim): void {
  if (network.quarantine.size === 0) return;
  const { tenant, network: name, identity } = claim;
  for (const address of claim.addresses) {
    const mac = network.quarantine.get(address)?.mac;
    if (mac === undefined) continue;
    const event = { event: "quarantined", actor: "controller", reason: `it still is: ${mac} answered for it` } as const;
    ledger.record(draft, { tenant, network: name, identity, addresses: [address] }, event);
  }
}

/** Makes a claim or lease of this address fail when it comes into quarantine meanwhile, which only happens where nodes look for conflicts. */
export function expectNoQuarantine(draft: Draft, network: NetworkState, record: StoredNetwork, address: IpAddress) {
  if (record.conflictProbe === undefined && network.quarantine.size === 0) return;
  draft.expect(keys.quarantine(network.tenant, network.name, address), network.quarantine.get(address)?.revision ?? 0);
}

/** @throws HoldfastError `address_in_use`: one of the addresses is in quarantine. */
export function refuseQuarantined(network: NetworkState, addresses: readonly IpAddress[]): void {
  if (network.quarantine.size === 0) return;
  for (const address of addresses) {
    const entry = network.quarantine.get(address);
    if (entry === undefined) continue;
    const { mac, node, since } = entry;
    throw new HoldfastError(
      "address_in_use",
      `${address} of network ${network.tenant}/${network.name} is in quarantine: ${mac}, a machine outside, answered for it on node ${node} at ${since}; ` +
        `take the address off that machine and then: ${releaseCommand(network, address)}`,
      { details: { address, mac, node, since, reason: "quarantined" } },
    );
  }
}

/** What an operator types to have the address given out again. */
export function releaseCommand({ tenant, name }: NetworkState, address: IpAddress): string {
  const of = tenant === "default" ? "" : ` --tenant ${tenant}`;
  return `holdfast ip release-quarantine ${address} --network ${name}${of}`;
}

/** Addresses in quarantine; those of one prefix, when it is given. Few, other than claims. */
export function* quarantinedIn({ quarantine }: NetworkState, prefix?: Cidr): Iterable<IpAddress> {
  if (quarantine.size === 0) return;
  for (const address of quarantine.keys()) if (prefix === undefined || Cidr.contains(prefix, address)) yield address;
}

/** How many are named. */
const MOST_NAMED = 5;

/** @throws HoldfastError `in_use` when addresses of a network, or of this prefix of it, are in quarantine: who removes it is to know. */
export function refuseWithQuarantine(network: NetworkState, what: string, prefix?: Cidr): void {
  const found = [...quarantinedIn(network, prefix)];
  const [first] = found;
  if (first === undefined) return;
  const names = found.slice(0, MOST_NAMED).map((address) => `${address} (${network.quarantine.get(address)?.mac})`);
  const more = found.length > names.length ? ` and ${found.length - names.length} more` : "";
  throw new HoldfastError(
    "in_use",
    `${found.length} addresses of ${what} are in quarantine: ${names.join(", ")}${more}; release them first: ${releaseCommand(network, first)}`,
    { details: { quarantined: found.length, address: first } },
  );
}

function isCovered(network: NetworkState | undefined, address: IpAddress): boolean {
  return network?.record?.subnets.some(({ prefix }) => Cidr.contains(prefix, address)) === true;
}
