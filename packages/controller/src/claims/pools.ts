import { type Cidr, type Clock, type Family, type IpAddress, isHoldfastError, type Name } from "@holdfast/core";
import type { AddressPool, AddressState, FreeBlock, SubnetUtilisation } from "@holdfast/ipam";
import { addressesOf, type Range } from "@holdfast/model";
import { type Draft, Overtaken } from "../state/change.ts";
import type { NetworkState } from "../state/network-state.ts";
import type { StateChange, StoredNetwork } from "../state/records.ts";
import type { State } from "../state/state.ts";
import { allocateOpen, openPrefixes, refuseClosed } from "./open-subnets.ts";
import {
  groupName,
  ownerName,
  poolOfBook,
  poolSubnet,
  releaseTime,
  sameRanges,
  setAside,
  withhold,
} from "./pool-contents.ts";

/**
 * The address pools of all networks: derived from {@link State} and following it.
 *
 * A pool only proposes, the transaction decides. What it has proposed it proposes to nobody else until the draft is committed or
 * abandoned, so that requests of this process do not run into each other.
 */
export interface Pools {
  /** The next free address that will do. @throws HoldfastError `pool_exhausted`, `not_found` for an unknown prefix. */
  allocate(draft: Draft, network: NetworkState, request: FreeAddress): IpAddress;
  /**
   * Just this address.
   *
   * @throws HoldfastError `conflict`: its subnet is being drained or removed; `address_out_of_range`, naming the ranges; `address_in_use` for a
   * gateway and for an address that rests, unless `formerOwner`, or is in the block of another node than `giver`, or in a range of another
   * group; {@link Overtaken} when another request is about to have it.
   */
  take(draft: Draft, network: NetworkState, request: ExactAddress): void;
  /** Whether the group has ranges in subnets of the family. */
  hasRanges(network: NetworkState, group: Name, family: Family): boolean;
  /** Whether the address is one of those that are given to who names none: in a range of this group, or else to everybody. */
  isGiven(network: NetworkState, address: IpAddress, group: Name | undefined): boolean;
  /** A block for the node; undefined: none is free. */
  lease(
    draft: Draft,
    network: NetworkState,
    request: { family: Family; size: number; node: Name },
  ): FreeBlock | undefined;
  stateOf(network: NetworkState, address: IpAddress): AddressState;
  utilisation(network: NetworkState): readonly SubnetUtilisation[];
  /** Addresses of a subnet that are in use, as {@link AddressPool.usedOf}. */
  usedOf(network: NetworkState, prefix: Cidr, mostLookedAt?: number): Iterable<IpAddress>;
  /** Whether a request is about to have the address. */
  isProposed(network: NetworkState, address: IpAddress): boolean;
  /** Brings one address in its pool to what the book says of it. */
  align(network: NetworkState, address: IpAddress): void;
  /** Builds every pool anew. */
  load(): void;
  /** Takes in what a commit changed. */
  follow(changes: readonly StateChange[]): void;
}

export interface FreeAddress {
  readonly family: Family;
  readonly prefix?: Cidr | undefined;
  /** Of a range of this group. Absent: of what is for everybody. */
  readonly group?: Name | undefined;
  readonly within?: Range | undefined;
}

export interface ExactAddress {
  readonly address: IpAddress;
  readonly formerOwner: boolean;
  /** The node that has given it already. */
  readonly giver?: Name;
  readonly group?: Name | undefined;
}

interface Proposal {
  /** Called when the proposal is used or given back. */
  readonly settled: (() => void)[];
}

export function createPools({ state, clock }: { readonly state: State; readonly clock: Clock }): Pools {
  const pools = new WeakMap<NetworkState, AddressPool>();
  const proposals = new WeakMap<NetworkState, Map<IpAddress, Proposal>>();
  const now = () => clock.now().getTime();

  function poolOf(network: NetworkState): AddressPool {
    const pool = pools.get(network) ?? poolOfBook(network, now());
    pools.set(network, pool);
    return pool;
  }

  /** What nodes may give has changed: addresses that fall to the authority again rest as long as they are on record to do so. */
  function followBlock({ before, after }: StateChange & { kind: "block" }): void {
    const block = after ?? before;
    const network = block && state.network(block.tenant, block.network);
    if (network === undefined) return;
    const pool = poolOf(network);
    const kept = new Set(after === undefined ? [] : addressesOf(after));
    for (const address of before === undefined ? [] : addressesOf(before)) {
      if (!kept.has(address)) pool.giveUp({ first: address, last: address }, releaseTime(network, address, now()));
    }
    if (after === undefined) return;
    // A request of this process may have been about to lease it to another node.
    for (const range of before === undefined ? after.ranges : []) pool.giveUp(range, 0);
    setAside(pool, after);
  }

  function followQuarantine({ tenant, network: name, address, after }: StateChange & { kind: "quarantine" }): void {
    const network = state.network(tenant, name);
    if (network === undefined) return;
    if (after !== undefined) withhold(poolOf(network), address);
    else poolOf(network).giveUp({ first: address, last: address }, releaseTime(network, address, now()));
  }

  function propose(draft: Draft, network: NetworkState, address: IpAddress): void {
    const open = proposals.get(network) ?? new Map<IpAddress, Proposal>();
    proposals.set(network, open.set(address, { settled: [] }));
    draft.whenAbandoned(() => {
      settle(network, address);
      if (network.addresses.has(address)) return;
      if (network.cooling.has(address)) poolOf(network).release(address, releaseTime(network, address, now()));
      else poolOf(network).cancel(address);
    });
  }

  function settle(network: NetworkState, address: IpAddress): void {
    const proposal = proposals.get(network)?.get(address);
    proposals.get(network)?.delete(address);
    for (const tell of proposal?.settled ?? []) tell();
  }

  function followClaim(change: StateChange & { kind: "claim" }): void {
    const claim = change.after ?? change.before;
    const network = claim && state.network(claim.tenant, claim.network);
    if (network === undefined || (change.before !== undefined && change.after !== undefined)) return;
    const pool = poolOf(network);
    for (const address of claim?.addresses ?? []) {
      settle(network, address);
      const inPool = pool.stateOf(address, now());
      if (change.after === undefined) {
        // In a book that has come to harm, another claim may have it still.
        if (!network.addresses.has(address)) pool.release(address, releaseTime(network, address, now()));
      } else if (inPool !== "used" && inPool !== "outside") pool.restore(address);
    }
  }

  function followNetwork(before: StoredNetwork | undefined, after: StoredNetwork): void {
    const network = state.network(after.tenant, after.name);
    if (network === undefined) return;
    if (before === undefined) {
      pools.set(network, poolOfBook(network, now()));
      return;
    }
    if (before.cooldownSeconds !== after.cooldownSeconds) poolOf(network).setCooldown(after.cooldownSeconds * 1000);
    const gone = before.subnets.filter(({ prefix }) => after.subnets.every((subnet) => subnet.prefix !== prefix));
    for (const subnet of after.subnets) {
      const former = before.subnets.find(({ prefix }) => prefix === subnet.prefix);
      if (former !== undefined && !sameRanges(former, subnet)) poolOf(network).addSubnet(poolSubnet(subnet));
    }
    const come = after.subnets.filter(({ prefix }) => before.subnets.every((subnet) => subnet.prefix !== prefix));
    try {
      for (const { prefix } of gone) poolOf(network).removeSubnet(prefix);
    } catch (error) {
      // Another request proposes an address of it at this moment, in vain.
      if (!isHoldfastError(error, "in_use")) throw error;
      pools.set(network, poolOfBook(network, now()));
      return;
    }
    if (come.length === 0) return;
    for (const subnet of come) poolOf(network).addSubnet(poolSubnet(subnet));
    // Of a prefix that was there before, addresses may rest.
    for (const { address } of network.cooling.values()) {
      poolOf(network).restoreReleased(address, releaseTime(network, address, now()));
    }
  }

  /** What rests without that a claim had it: a repair wrote it. Of all others the pool knows already. */
  function followRest({ tenant, network: name, address }: StateChange & { kind: "cooling" }): void {
    const network = state.network(tenant, name);
    if (network?.cooling.has(address) !== true) return;
    poolOf(network).restoreReleased(address, releaseTime(network, address, now()));
  }

  return {
    allocate(draft, network, request) {
      const address = allocateOpen(poolOf(network), network.record, {
        family: request.family,
        prefix: request.prefix,
        within: request.within,
        owner: request.group && groupName(request.group),
        now: now(),
      });
      propose(draft, network, address);
      return address;
    },

    take(draft, network, { address, formerOwner, giver, group }) {
      const proposal = proposals.get(network)?.get(address);
      if (proposal !== undefined) throw new Overtaken(new Promise((resolve) => proposal.settled.push(resolve)));
      refuseClosed(network.record, address, giver);
      const owner = giver === undefined ? group && groupName(group) : ownerName(giver);
      poolOf(network).take(address, now(), owner === undefined ? { formerOwner } : { formerOwner, owner });
      propose(draft, network, address);
    },

    lease(draft, network, { family, size, node }) {
      const subnets = openPrefixes(network.record);
      const found = poolOf(network).freeBlock({ family, size, subnets, now: now() });
      if (found === undefined) return undefined;
      for (const range of found.ranges) {
        poolOf(network).setAside(range, ownerName(node));
        draft.whenAbandoned(() => {
          poolOf(network).giveUp(range, 0);
          // Another controller may have leased it meanwhile.
          const leased = network.blocks.get(found.prefix);
          if (leased !== undefined) setAside(poolOf(network), leased);
        });
      }
      return found;
    },

    hasRanges: (network, group, family) => poolOf(network).hasOwner(groupName(group), family),

    isGiven: (network, address, group) => poolOf(network).isAllocatable(address, group && groupName(group)),

    stateOf: (network, address) => poolOf(network).stateOf(address, now()),
    utilisation: (network) => poolOf(network).utilisation(now()),
    usedOf: (network, prefix, mostLookedAt) => poolOf(network).usedOf(prefix, mostLookedAt),
    isProposed: (network, address) => proposals.get(network)?.has(address) === true,

    align(network, address) {
      const pool = poolOf(network);
      const inPool = pool.stateOf(address, now());
      if (network.addresses.has(address)) {
        if (inPool === "unused" || inPool === "cooling") pool.restore(address);
      } else if (inPool === "used" && proposals.get(network)?.has(address) !== true) {
        pool.release(address, releaseTime(network, address, now()));
      } else if (network.quarantine.has(address)) {
        withhold(pool, address);
      } else if (inPool === "unused" && network.cooling.has(address)) {
        pool.restoreReleased(address, releaseTime(network, address, now()));
      }
    },

    load() {
      for (const ofTenant of state.networks.values()) {
        for (const network of ofTenant.values()) pools.set(network, poolOfBook(network, now()));
      }
    },

    follow(changes) {
      for (const change of changes) {
        if (change.kind === "network" && change.after !== undefined) followNetwork(change.before, change.after);
      }
      // What one claim loses in a commit another may get in it.
      const claims = changes.filter((change) => change.kind === "claim");
      for (const change of claims) if (change.after === undefined) followClaim(change);
      for (const change of claims) if (change.after !== undefined) followClaim(change);
      for (const change of changes) if (change.kind === "block") followBlock(change);
      for (const change of changes) if (change.kind === "quarantine") followQuarantine(change);
      for (const change of changes) if (change.kind === "cooling" && change.after !== undefined) followRest(change);
    },
  };
}
