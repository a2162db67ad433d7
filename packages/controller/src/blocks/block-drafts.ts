import { Cidr, HoldfastError, Identity, IpAddress } from "@holdfast/core";
import { addressesOf, type Claim, type NodeBlock, type Range } from "@holdfast/model";
import type { Ledger } from "../ledger/ledger.ts";
import type { Platform } from "../platform.ts";
import type { Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { NetworkState } from "../state/network-state.ts";
import type { Cooling, StoredNetwork } from "../state/records.ts";

/**
 * Makes a claim of this address fail when its block is leased to a node meanwhile. A lease decided on another revision of the network may mean
 * another prefix, but the claim rests on that revision, too.
 */
export function expectBlockUnchanged(draft: Draft, network: NetworkState, record: StoredNetwork, address: IpAddress) {
  if (record.nodeBlocks === undefined) return;
  const prefix = blockAround(address, record.nodeBlocks.size);
  draft.expect(keys.block(network.tenant, network.name, prefix), network.blocks.get(prefix)?.revision ?? 0);
}

/** @throws HoldfastError `address_in_use` when a node may give the address at any moment. */
export function refuseSetAside(network: NetworkState, address: IpAddress): void {
  const block = network.blocks.givenFrom(address);
  if (block === undefined) return;
  const { node, prefix } = block;
  throw new HoldfastError(
    "address_in_use",
    `${address} is set aside for node ${node} (block ${prefix}); take an address outside of it, or have the block given back: ` +
      `holdfast network reclaim ${network.name} ${prefix}`,
    { details: { address, node, block: prefix, reason: "set-aside" } },
  );
}

/**
 * Takes the claim's addresses out of the blocks that they lie in, unless it is as its block's node makes and ends it: ephemeral and bound there. A
 * node must not give again what others have plans for.
 */
export function withholdFromNodes(draft: Draft, network: NetworkState | undefined, claim: Claim): void {
  if (network === undefined || network.blocks.size === 0) return;
  const kept = claim.addresses.filter((address) => {
    const block = network.blocks.givenFrom(address);
    return claim.retention.kind !== "ephemeral" || claim.binding?.node !== block?.node;
  });
  withholdAddresses(draft, network, kept);
}

/** Takes addresses out of the blocks that they lie in, for whatever reason. */
export function withholdAddresses(draft: Draft, network: NetworkState, addresses: readonly IpAddress[]): void {
  const changed = new Map<Cidr, NodeBlock>();
  for (const address of addresses) {
    const found = network.blocks.givenFrom(address);
    const block = found && (changed.get(found.prefix) ?? found);
    if (block !== undefined) changed.set(block.prefix, { ...block, ranges: withoutAddress(block, address) });
  }
  for (const block of changed.values()) {
    draft.expect(keys.block(block.tenant, block.network, block.prefix), block.revision);
    draft.put(keys.block(block.tenant, block.network, block.prefix), block);
  }
}

/** Asks the nodes for blocks of a network, of this prefix of it or of all: they give no more of them, and give them back when they are empty. */
export function askForBlocks(draft: Draft, { tenant, name, blocks }: NetworkState, within?: Cidr): void {
  for (const block of blocks.values()) {
    if (block.returning === true || (within !== undefined && !Cidr.contains(within, Cidr.first(block.prefix))))
      continue;
    draft.expect(keys.block(tenant, name, block.prefix), block.revision);
    draft.put(keys.block(tenant, name, block.prefix), { ...block, returning: true });
  }
}

/** Takes a block from a node that has not given it back, and may be giving addresses of it: those that nobody claims rest. */
export function takeBlockBack(
  draft: Draft,
  { state, clock, ledger }: Pick<Platform, "state" | "clock"> & { readonly ledger: Ledger },
  block: NodeBlock,
  { actor, reason }: { readonly actor: string; readonly reason: string },
): void {
  const { tenant, network: name, node, prefix } = block;
  const network = state.network(tenant, name);
  draft.expect(keys.block(tenant, name, prefix), block.revision);
  draft.delete(keys.block(tenant, name, prefix));
  const identity = Identity.parse(`node/${node}`);
  const addresses = [...addressesOf(block)].filter((address) => network?.addresses.has(address) !== true);
  const cooldown = network?.record?.cooldownSeconds ?? 0;
  const cooling: Cooling = { until: new Date(clock.now().getTime() + cooldown * 1000).toISOString(), identity, node };
  if (cooldown > 0) for (const address of addresses) draft.put(keys.cooling(tenant, name, address), cooling);
  const event = { event: "reclaimed", actor, node, reason: `block ${prefix}: ${reason}` } as const;
  ledger.record(draft, { tenant, network: name, identity, addresses }, event);
}

/** The block of this size that an address lies in. */
function blockAround(address: IpAddress, size: number): Cidr {
  return Cidr.of(address, IpAddress.bits(IpAddress.family(address)) - Math.log2(size));
}

function withoutAddress({ ranges, prefix }: NodeBlock, address: IpAddress): Range[] {
  const family = Cidr.family(prefix);
  const hole = IpAddress.toBigInt(address);
  const part = (first: bigint, last: bigint): Range[] =>
    first > last ? [] : [{ first: IpAddress.fromBigInt(family, first), last: IpAddress.fromBigInt(family, last) }];
  return ranges.flatMap((range) => {
    const [first, last] = [IpAddress.toBigInt(range.first), IpAddress.toBigInt(range.last)];
    return hole < first || hole > last ? [range] : [...part(first, hole - 1n), ...part(hole + 1n, last)];
  });
}

/** Whether a node has a block in this prefix. */
export function hasBlocks({ blocks }: NetworkState, within: Cidr): boolean {
  for (const { prefix } of blocks.values()) if (Cidr.contains(within, Cidr.first(prefix))) return true;
  return false;
}

/** @throws HoldfastError `in_use` when nodes have blocks in a network, or in this prefix of it. */
export function refuseWithBlocks({ name, blocks }: NetworkState, what: string, within?: Cidr): void {
  const found = Iterator.from(blocks.values())
    .filter(({ prefix }) => within === undefined || Cidr.contains(within, Cidr.first(prefix)))
    .toArray();
  const [first] = found;
  if (first === undefined) return;
  throw new HoldfastError(
    "in_use",
    `nodes have ${found.length} blocks of ${what}, e.g. node ${first.node} ${first.prefix}; have them given back first: ` +
      `holdfast network update ${name} --no-node-blocks, or holdfast network reclaim ${name} ${first.prefix}`,
    { details: { blocks: found.length, node: first.node, block: first.prefix } },
  );
}
