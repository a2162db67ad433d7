import { type Cidr, HoldfastError, type Name } from "@holdfast/core";
import type { GroupRange, Network, Range, Subnet } from "@holdfast/model";
import type { Platform } from "../platform.ts";
import { checkIfMatch, checkOpen, notFound, requireNetwork } from "../refusals.ts";
import type { Caller } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { NetworkState } from "../state/network-state.ts";
import { publicNetwork, type StoredNetwork } from "../state/records.ts";
import { checkGroupRanges, overlap } from "./subnet-check.ts";

/** What names a group's ranges of a subnet. */
export interface GroupOfSubnet {
  readonly tenant: Name;
  readonly network: Name;
  readonly prefix: Cidr;
  readonly group: Name;
}

/** Ranges of subnets that belong to groups, in networks that may be in use: what is claimed there stays with who has it. */
export interface GroupRanges {
  set(name: GroupOfSubnet, ranges: readonly Range[], caller: Caller): Promise<Network>;
  remove(name: GroupOfSubnet, caller: Caller): Promise<Network>;
}

const MOST_GROUP_RANGES = 256;

export function createGroupRanges({ state, changer }: Platform): GroupRanges {
  /** Claims rest on the network's record, so that none that was decided on before is committed after. */
  async function change(
    { tenant, network: name, prefix }: GroupOfSubnet,
    caller: Caller,
    decide: (network: NetworkState, subnet: Subnet) => readonly GroupRange[],
  ): Promise<Network> {
    const { result, revision } = await changer.change((draft) => {
      const { network, record } = requireNetwork(state, tenant, name);
      checkIfMatch(caller, `network ${tenant}/${name}`, record.revision);
      checkOpen(record);
      const subnet = record.subnets.find((one) => one.prefix === prefix);
      if (subnet === undefined) throw notFound(`subnet ${prefix} in network ${tenant}/${name}`);
      const changed = withRanges(record, subnet, decide(network, subnet));
      draft.expect(keys.network(tenant, name), record.revision);
      draft.put(keys.network(tenant, name), changed);
      return publicNetwork(changed);
    });
    return { ...result, revision };
  }

  return {
    set: (name, ranges, caller) =>
      change(name, caller, (network, subnet) => {
        const { group } = name;
        const own = ranges.map((range) => ({ group, ...range }));
        const others = othersThan(group, subnet);
        checkGroupRanges(subnet, own, { field: "ranges", others });
        for (const range of own) refuseLeased(network, range);
        if (own.length + others.length <= MOST_GROUP_RANGES) return [...others, ...own];
        throw new HoldfastError("conflict", `a subnet has at most ${MOST_GROUP_RANGES} ranges of groups`);
      }),

    remove: (name, caller) =>
      change(name, caller, (_, subnet) => {
        const others = othersThan(name.group, subnet);
        if (others.length < (subnet.groupRanges?.length ?? 0)) return others;
        throw notFound(`range of group ${name.group} in subnet ${name.prefix}`);
      }),
  };
}

function withRanges(record: StoredNetwork, subnet: Subnet, ranges: readonly GroupRange[]): StoredNetwork {
  const { groupRanges: _, ...rest } = subnet;
  const changed = ranges.length === 0 ? rest : { ...rest, groupRanges: [...ranges] };
  return { ...record, subnets: record.subnets.map((one) => (one === subnet ? changed : one)) };
}

function othersThan(group: Name, { groupRanges = [] }: Subnet): readonly GroupRange[] {
  return groupRanges.filter((range) => range.group !== group);
}

/** A node gives the addresses of its block without asking. */
function refuseLeased(network: NetworkState, range: Range): void {
  for (const block of network.blocks.values()) {
    if (!block.ranges.some((part) => overlap(part, range))) continue;
    throw new HoldfastError(
      "conflict",
      `ranges: ${range.first}-${range.last} overlaps block ${block.prefix}, which is leased to node ${block.node}; ` +
        "choose another range, or wait until the block is given back",
      { details: { field: "ranges", node: block.node, block: block.prefix } },
    );
  }
}
