import { Cidr, HoldfastError, type Name } from "@holdfast/core";
import { addressesOf, type BlockRequest, type BlockReturn, type NodeBlock, type NodeBlockUsage } from "@holdfast/model";
import { expectNoQuarantine } from "../claims/quarantine.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { isCounted } from "../networks/quotas.ts";
import { type Platform, timestamp } from "../platform.ts";
import { checkOpen, notFound, requireNetwork } from "../refusals.ts";
import type { Caller, Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { NetworkState } from "../state/network-state.ts";
import type { Cooling, StoredNetwork } from "../state/records.ts";
import { takeBlockBack } from "./block-drafts.ts";

/** Parts of a network's addresses that single nodes give out by themselves. */
export interface Blocks {
  /**
   * Leases another block to a node. With the same list of leases that the node knows, the same block.
   *
   * @throws HoldfastError `conflict`: the network has no node blocks; `pool_exhausted`: no block is free.
   */
  lease(node: Name, request: BlockRequest): Promise<NodeBlock>;
  /** The node gives a block back; done when it has not got it. @throws HoldfastError `in_use`: an address of it is claimed. */
  giveBack(node: Name, back: BlockReturn): Promise<void>;
  /** Asks the node for the block, or takes it. */
  reclaim(name: BlockName, how: { force: boolean; reason?: string | undefined }, caller: Caller): Promise<NodeBlock>;
  withUsage(block: NodeBlock): NodeBlockUsage;
}

export interface BlockName {
  readonly tenant: Name;
  readonly network: Name;
  readonly prefix: Cidr;
}

export function createBlocks(platform: Platform, ledger: Ledger, options: { readonly nonce: string }): Blocks {
  const { state, changer, clock, pools } = platform;
  let count = 0;

  /** A block of the node that it does not know of: the answer that said so was lost. */
  function unheard(node: Name, { tenant, network, family, held }: BlockRequest): NodeBlock | undefined {
    for (const block of state.blocksOfNode.get(node) ?? []) {
      const fits = block.tenant === tenant && block.network === network && Cidr.family(block.prefix) === family;
      if (fits && block.returning !== true && !held.includes(block.lease)) return block;
    }
    return undefined;
  }

  /** Everything in the block is free, and stays so until the commit. */
  function expectFree(draft: Draft, network: NetworkState, record: StoredNetwork, block: NodeBlock): void {
    const { tenant, name } = network;
    for (const address of addressesOf(block)) {
      expectNoQuarantine(draft, network, record, address);
      draft.expect(keys.address(tenant, name, address), 0);
      const rested = network.cooling.get(address);
      draft.expect(keys.cooling(tenant, name, address), rested?.revision ?? 0);
      if (rested !== undefined) draft.delete(keys.cooling(tenant, name, address));
    }
  }

  function leaseNew(draft: Draft, node: Name, request: BlockRequest): NodeBlock {
    const { network, record } = requireNetwork(state, request.tenant, request.network);
    const { tenant, name } = network;
    checkOpen(record);
    if (record.nodeBlocks === undefined) {
      throw new HoldfastError("conflict", `network ${tenant}/${name} has no node blocks; ask for each address`);
    }
    if (isCounted(state.tenants.get(tenant)?.quotas)) {
      throw new HoldfastError(
        "conflict",
        `tenant ${tenant} has a quota, which nodes cannot count; ask for each address`,
      );
    }
    const { size } = record.nodeBlocks;
    const found = pools.lease(draft, network, { family: request.family, size, node });
    if (found === undefined) {
      throw new HoldfastError(
        "pool_exhausted",
        `network ${tenant}/${name} has no block of ${size} ${request.family} addresses that is free; add a subnet, release claims, or make blocks smaller`,
        { details: { family: request.family } },
      );
    }
    const lease = `b-${options.nonce}-${++count}`;
    const { prefix } = found;
    const block = {
      tenant,
      network: name,
      prefix,
      node,
      lease,
      ranges: [...found.ranges],
      since: timestamp(clock),
      revision: 0,
    };
    draft.expect(keys.network(tenant, name), record.revision);
    draft.expect(keys.block(tenant, name, prefix), 0);
    expectFree(draft, network, record, block);
    draft.put(keys.block(tenant, name, prefix), block);
    return block;
  }

  function findBlock({ tenant, network, prefix }: BlockName): NodeBlock | undefined {
    return state.network(tenant, network)?.blocks.get(prefix);
  }

  return {
    async lease(node, request) {
      const { result, revision } = await changer.change((draft) => {
        const record = state.nodes.get(node);
        if (record === undefined) throw notFound(`node ${node}`, "its agent has to register it first");
        const present = unheard(node, request);
        if (present !== undefined) return { block: present, made: false };
        draft.expect(keys.node(node), record.revision);
        return { block: leaseNew(draft, node, request), made: true };
      });
      return result.made ? { ...result.block, revision } : result.block;
    },

    async giveBack(node, back) {
      await changer.change((draft) => {
        const block = findBlock(back);
        if (block === undefined || block.node !== node || block.lease !== back.lease) return undefined;
        const network = state.network(back.tenant, back.network);
        const claimed = [...addressesOf(block)].find((address) => network?.addresses.has(address));
        if (claimed !== undefined) {
          throw new HoldfastError(
            "in_use",
            `block ${block.prefix} has ${claimed}, which ${network?.addresses.get(claimed)} claims; release it first`,
            { details: { address: claimed, block: block.prefix } },
          );
        }
        draft.expect(keys.block(back.tenant, back.network, block.prefix), block.revision);
        draft.delete(keys.block(back.tenant, back.network, block.prefix));
        keepResting(draft, network, back, node);
        return undefined;
      });
    },

    async reclaim(name, { force, reason }, caller) {
      const { result } = await changer.change((draft) => {
        const block = findBlock(name);
        if (block === undefined) {
          throw notFound(
            `block ${name.prefix} in network ${name.tenant}/${name.network}`,
            "see: holdfast network blocks",
          );
        }
        if (force) {
          const why = `taken from node ${block.node} by force${reason === undefined ? "" : `: ${reason}`}`;
          takeBlockBack(draft, { ...platform, ledger }, block, { actor: caller.actor, reason: why });
          return block;
        }
        if (block.returning === true) return block;
        const asked: NodeBlock = { ...block, returning: true };
        draft.expect(keys.block(name.tenant, name.network, name.prefix), block.revision);
        draft.put(keys.block(name.tenant, name.network, name.prefix), asked);
        return asked;
      });
      return result;
    },

    withUsage(block) {
      const addresses = [...addressesOf(block)];
      const network = state.network(block.tenant, block.network);
      const used = addresses.filter((address) => network?.addresses.has(address)).length;
      return { ...block, capacity: addresses.length, used };
    },
  };

  /** What was in use on the node a short while ago goes on resting. */
  function keepResting(draft: Draft, network: NetworkState | undefined, back: BlockReturn, node: Name): void {
    const cooldown = (network?.record?.cooldownSeconds ?? 0) * 1000;
    for (const { address, identity, releasedAt } of back.resting) {
      const until = Date.parse(releasedAt) + cooldown;
      if (until <= clock.now().getTime() || network?.blocks.givenFrom(address)?.lease !== back.lease) continue;
      const cooling: Cooling = { until: new Date(until).toISOString(), identity, node };
      draft.put(keys.cooling(back.tenant, back.network, address), cooling);
    }
  }
}
