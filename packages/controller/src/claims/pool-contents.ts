import type { IpAddress, Name } from "@holdfast/core";
import { AddressPool, type Subnet as PoolSubnet } from "@holdfast/ipam";
import type { NodeBlock, Subnet } from "@holdfast/model";
import type { NetworkState } from "../state/network-state.ts";

/** The pool of a network as its book has it at this moment (milliseconds since 1970). */
export function poolOfBook(network: NetworkState, now: number): AddressPool {
  const { subnets = [], cooldownSeconds = 0 } = network.record ?? {};
  const pool = AddressPool.create(subnets.map(poolSubnet), { cooldownMilliseconds: cooldownSeconds * 1000 });
  pool.restoreAll(network.addresses.keys());
  for (const { address } of network.cooling.values()) pool.restoreReleased(address, releaseTime(network, address, now));
  for (const block of network.blocks.values()) setAside(pool, block);
  for (const address of network.quarantine.keys()) withhold(pool, address);
  return pool;
}

/** What a node may give. */
export function setAside(pool: AddressPool, { ranges, node }: NodeBlock): void {
  for (const range of ranges) if (pool.stateOf(range.first, 0) !== "outside") pool.setAside(range, ownerName(node));
}

/** Nobody can name this owner. Its use, if it has one, goes on. */
const QUARANTINE = "quarantine";

/** An address in quarantine. */
export function withhold(pool: AddressPool, address: IpAddress): void {
  if (pool.stateOf(address, 0) === "outside") return;
  const range = { first: address, last: address };
  pool.giveUp(range, 0);
  pool.setAside(range, QUARANTINE);
}

/** What is a node's in a pool, as it is said in refusals. */
export function ownerName(node: Name): string {
  return `node ${node}`;
}

/** What is a group's, likewise. */
export function groupName(group: Name): string {
  return `group ${group}`;
}

export function poolSubnet({ gateway, groupRanges = [], ...subnet }: Subnet): PoolSubnet {
  const ownRanges = groupRanges.map(({ group, ...range }) => ({ ...range, owner: groupName(group) }));
  return gateway === undefined ? { ...subnet, ownRanges } : { ...subnet, ownRanges, gateway };
}

export function sameRanges({ groupRanges: some = [] }: Subnet, { groupRanges: others = [] }: Subnet): boolean {
  return (
    some.length === others.length &&
    some.every(({ group, first, last }, index) => {
      const other = others[index];
      return other?.group === group && other.first === first && other.last === last;
    })
  );
}

/** When a resting address was released, so that it rests until its time; one that never rested counts as released long ago. */
export function releaseTime(network: NetworkState, address: IpAddress, now: number): number {
  const cooldown = (network.record?.cooldownSeconds ?? 0) * 1000;
  const resting = network.cooling.get(address);
  return (resting === undefined ? now : Date.parse(resting.until)) - cooldown;
}
