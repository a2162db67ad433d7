import { Cidr, type IpAddress, type Name } from "@holdfast/core";
import type { AddressStory, LedgerEntry } from "@holdfast/model";
import { isAllocatable } from "../networks/subnet-check.ts";
import type { Platform } from "../platform.ts";
import { notFound } from "../refusals.ts";
import type { NetworkState } from "../state/network-state.ts";
import type { Ledger } from "./ledger.ts";

export interface Explainer {
  /** One story for each network that covers the address. @throws HoldfastError `not_found` when none does. */
  explain(
    address: IpAddress,
    within: { tenant?: Name | undefined; network?: Name | undefined },
  ): Promise<readonly AddressStory[]>;
}

const MOST_HISTORY = 200;

export function createExplainer({ state, pools }: Platform, ledger: Ledger): Explainer {
  function covering(
    address: IpAddress,
    within: { tenant?: Name | undefined; network?: Name | undefined },
  ): NetworkState[] {
    const tenants = within.tenant === undefined ? [...state.networks.values()] : [state.networks.get(within.tenant)];
    return tenants
      .flatMap((networks) => [...(networks?.values() ?? [])])
      .filter(({ name, record }) => within.network === undefined || (name === within.network && record !== undefined))
      .filter(({ record }) => record?.subnets.some(({ prefix }) => Cidr.contains(prefix, address)));
  }

  async function story(network: NetworkState, address: IpAddress): Promise<AddressStory> {
    const { tenant, name } = network;
    const history = await ledger.history(tenant, name, address, MOST_HISTORY);
    const about = { tenant, network: name, address, history: [...history] };
    const identity = network.addresses.get(address);
    const claim = identity === undefined ? undefined : network.claims.get(identity);
    if (claim?.binding !== undefined) {
      const { node, endpoint, since } = claim.binding;
      const summary = `${address} is used by ${claim.identity} on node ${node} (endpoint ${endpoint}) since ${since}.`;
      return { ...about, state: "bound", identity: claim.identity, node, endpoint, since, summary };
    }
    if (claim !== undefined) {
      const summary = `${address} is kept for ${claim.identity} (${claim.retention.kind}), which no endpoint has at the moment${until(claim.expiresAt)}.`;
      return {
        ...about,
        state: "claimed",
        identity: claim.identity,
        since: sinceOf(history, claim.createdAt),
        summary,
      };
    }
    const resting = network.cooling.get(address);
    if (resting !== undefined && pools.stateOf(network, address) === "cooling") {
      const summary = `${address} was released by ${resting.identity} and rests until ${resting.until}.`;
      return { ...about, state: "cooling", identity: resting.identity, summary };
    }
    const subnet = network.record?.subnets.find(({ prefix }) => Cidr.contains(prefix, address));
    if (subnet !== undefined && !isAllocatable(subnet, address)) {
      const why = subnet.gateway === address ? "the gateway" : "not among the addresses that are handed out";
      return { ...about, state: "outside", summary: `${address} is ${why} of ${subnet.prefix}.` };
    }
    return { ...about, state: "free", summary: `${address} is free${formerly(history)}.` };
  }

  return {
    async explain(address, within) {
      const networks = covering(address, within);
      if (networks.length === 0) throw notFound(`network with a subnet that covers ${address}`);
      return Promise.all(networks.map((network) => story(network, address)));
    },
  };
}

function until(expiresAt: string | undefined): string {
  return expiresAt === undefined ? "" : `; it expires at ${expiresAt}`;
}

function sinceOf(history: readonly LedgerEntry[], created: string): string {
  return history.at(-1)?.at ?? created;
}

function formerly(history: readonly LedgerEntry[]): string {
  const last = history.at(-1);
  return last === undefined ? "; nobody is known to have had it" : `; ${last.identity} had it until ${last.at}`;
}
