import { type Cidr, HoldfastError, type Identity, type IpAddress, type Name } from "@holdfast/core";
import type { Network, NewSubnet, Subnet, SubnetUsage } from "@holdfast/model";
import { refuseWithBlocks } from "../blocks/block-drafts.ts";
import type { Pools } from "../claims/pools.ts";
import { refuseWithQuarantine } from "../claims/quarantine.ts";
import type { Platform } from "../platform.ts";
import { checkIfMatch, checkOpen, notFound, requireNetwork } from "../refusals.ts";
import type { Caller } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { NetworkState } from "../state/network-state.ts";
import { publicNetwork, type StoredNetwork } from "../state/records.ts";
import { closing, prefixesOf, withoutSubnet } from "./networks.ts";
import { refuseRoutedElsewhere } from "./routed-prefixes.ts";
import { checkedSubnet, checkOverlap } from "./subnet-check.ts";
import { usageOfSubnets } from "./usage.ts";

export interface SubnetWithUsage {
  readonly subnet: Subnet;
  readonly usage: SubnetUsage;
}

export interface Subnets {
  add(tenant: Name, network: Name, body: NewSubnet, caller: Caller): Promise<Network>;
  remove(tenant: Name, network: Name, prefix: Cidr, caller: Caller): Promise<Network>;
  list(tenant: Name, network: Name): { readonly items: readonly SubnetWithUsage[] };
}

const MOST_SUBNETS = 64;

export function createSubnets(platform: Platform): Subnets {
  const { state, changer, counts, pools } = platform;

  function refuseUsed(network: NetworkState, prefix: Cidr): void {
    const { used } = counts.ofSubnet(network, prefix);
    if (used === 0) return;
    const some = someUsed(pools, network, prefix);
    const names = some.map(({ address, identity }) => `${address} (${identity})`).join(", ");
    const more = used > some.length ? `${names} and ${used - some.length} more` : names;
    throw new HoldfastError(
      "in_use",
      `${used} addresses of ${prefix} are claimed${some.length === 0 ? "" : `: ${more}`}; release them first, or drain the subnet`,
      { details: { claimed: used, addresses: some.map(({ address }) => address).join(",") } },
    );
  }

  return {
    async add(tenant, name, body, caller) {
      const { result, revision } = await changer.change((draft) => {
        const { record } = requireNetwork(state, tenant, name);
        checkIfMatch(caller, `network ${tenant}/${name}`, record.revision);
        checkOpen(record);
        if (record.subnets.some(({ prefix }) => prefix === body.prefix)) {
          throw new HoldfastError("already_exists", `network ${tenant}/${name} has the subnet ${body.prefix} already`);
        }
        if (record.subnets.length >= MOST_SUBNETS) {
          throw new HoldfastError(
            "conflict",
            `network ${tenant}/${name} has ${MOST_SUBNETS} subnets, and that is the most`,
          );
        }
        const subnet = checkedSubnet(body, "", record.kind);
        checkOverlap(subnet.prefix, "prefix", prefixesOf(state, tenant));
        if (record.kind === "routed") refuseRoutedElsewhere(draft, state, [subnet], () => "prefix");
        const changed: StoredNetwork = { ...record, subnets: [...record.subnets, subnet] };
        draft.expect(keys.network(tenant, name), record.revision);
        draft.expect(keys.space(tenant), state.spaces.get(tenant) ?? 0);
        draft.put(keys.space(tenant), {});
        draft.put(keys.network(tenant, name), changed);
        return publicNetwork(changed);
      }, caller);
      return { ...result, revision };
    },

    async remove(tenant, name, prefix, caller) {
      const { result, revision } = await closing(platform, { tenant, network: name, what: prefix }, caller, {
        check: (network) => {
          if (network.record?.subnets.some((subnet) => subnet.prefix === prefix) !== true) {
            throw notFound(`subnet ${prefix} in network ${tenant}/${name}`);
          }
          refuseWithBlocks(network, `subnet ${prefix}`, prefix);
          refuseUsed(network, prefix);
          refuseWithQuarantine(network, `subnet ${prefix}`, prefix);
        },
        finish: (draft, record) => {
          const changed = withoutSubnet(record, prefix);
          draft.expect(keys.space(tenant), state.spaces.get(tenant) ?? 0);
          draft.put(keys.space(tenant), {});
          draft.put(keys.network(tenant, name), changed);
          return publicNetwork(changed);
        },
      });
      return { ...result, revision };
    },

    list(tenant, name) {
      const { network, record } = requireNetwork(state, tenant, name);
      const usages = usageOfSubnets(platform, network);
      return { items: record.subnets.flatMap((subnet, index) => pair(subnet, usages[index])) };
    },
  };
}

function pair(subnet: Subnet, usage: SubnetUsage | undefined): SubnetWithUsage[] {
  return usage === undefined ? [] : [{ subnet, usage }];
}

const MOST_NAMED = 5;
/** Released ones may lie before them. */
const MOST_LOOKED_AT = 20_000;

function someUsed(pools: Pools, network: NetworkState, prefix: Cidr) {
  const found: { readonly address: IpAddress; readonly identity: Identity }[] = [];
  for (const address of pools.usedOf(network, prefix, MOST_LOOKED_AT)) {
    const identity = network.addresses.get(address);
    if (identity !== undefined && found.push({ address, identity }) === MOST_NAMED) break;
  }
  return found;
}
