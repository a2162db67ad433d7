import { type Cidr, type Clock, errorText, type Logger, type Name } from "@holdfast/core";
import type { Network, Subnet, SubnetDrain } from "@holdfast/model";
import { askForBlocks, hasBlocks } from "../blocks/block-drafts.ts";
import { quarantinedIn } from "../claims/quarantine.ts";
import { type Platform, timestamp } from "../platform.ts";
import { checkIfMatch, checkOpen, notFound, requireNetwork } from "../refusals.ts";
import type { Caller } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { NetworkState } from "../state/network-state.ts";
import { publicNetwork, type StateChange, type StoredNetwork } from "../state/records.ts";
import { withoutSubnet } from "./networks.ts";

/** What names a subnet. */
export interface SubnetName {
  readonly tenant: Name;
  readonly network: Name;
  readonly prefix: Cidr;
}

/** Empties subnets: one that is being drained gives no new addresses, and may go by itself with the last one. */
export interface Draining {
  /** Draining what is being drained changes what becomes of it at the end. @throws HoldfastError `not_found`. */
  drain(name: SubnetName, how: SubnetDrain, caller: Caller): Promise<Network>;
  /** Opens a subnet again; one that is open stays so. @throws HoldfastError `not_found`. */
  undrain(name: SubnetName, caller: Caller): Promise<Network>;
  /** Looks for what has become empty while nobody was there. */
  load(): void;
  follow(changes: readonly StateChange[]): void;
  /** Removes what has become empty, until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

const RETRY_MILLISECONDS = 10_000;

export function createDraining(platform: Platform): Draining {
  const { state, changer, counts, clock, logger }: Platform & { clock: Clock; logger: Logger } = platform;
  const emptied: SubnetName[] = [];
  let wake = Promise.withResolvers<void>();

  /** Claims rest on the network's record, so that none that was decided on before the change can be committed after it. */
  async function change(at: SubnetName, caller: Caller, changed: (subnet: Subnet) => Subnet): Promise<Network> {
    const { tenant, network: name, prefix } = at;
    const { result, revision } = await changer.change((draft) => {
      const { network, record } = requireNetwork(state, tenant, name);
      checkIfMatch(caller, `network ${tenant}/${name}`, record.revision);
      checkOpen(record);
      const before = record.subnets.find((subnet) => subnet.prefix === prefix);
      if (before === undefined) throw notFound(`subnet ${prefix} in network ${tenant}/${name}`);
      const after = changed(before);
      if (after === before) return { network: record, changed: false };
      const subnets = record.subnets.map((subnet) => (subnet === before ? after : subnet));
      const next: StoredNetwork = { ...record, subnets };
      draft.expect(keys.network(tenant, name), record.revision);
      draft.put(keys.network(tenant, name), next);
      if (after.draining !== undefined) askForBlocks(draft, network, prefix);
      return { network: next, changed: true };
    });
    const network = publicNetwork(result.network);
    return result.changed ? { ...network, revision } : network;
  }

  function isEmpty(network: NetworkState, prefix: Cidr): boolean {
    if (counts.ofSubnet(network, prefix).used > 0 || hasBlocks(network, prefix)) return false;
    return quarantinedIn(network, prefix)[Symbol.iterator]().next().done === true;
  }

  function note(network: NetworkState): void {
    for (const { prefix, draining } of network.record?.subnets ?? []) {
      if (draining?.removeWhenEmpty !== true || !isEmpty(network, prefix)) continue;
      emptied.push({ tenant: network.tenant, network: network.name, prefix });
      wake.resolve();
    }
  }

  function noteOf(tenant: Name, name: Name): void {
    const network = state.network(tenant, name);
    if (network !== undefined) note(network);
  }

  /**
   * One commit is enough, other than for a subnet that is open: nothing can have been claimed in it since it was drained, and everything
   * that was claimed before is in memory.
   */
  async function remove({ tenant, network: name, prefix }: SubnetName): Promise<void> {
    await changer.change((draft) => {
      const network = state.network(tenant, name);
      const record = network?.record;
      const subnet = record?.subnets.find((one) => one.prefix === prefix);
      if (network === undefined || record === undefined || subnet?.draining?.removeWhenEmpty !== true) return undefined;
      if (!isEmpty(network, prefix)) return undefined;
      draft.expect(keys.network(tenant, name), record.revision);
      draft.expect(keys.space(tenant), state.spaces.get(tenant) ?? 0);
      draft.put(keys.space(tenant), {});
      draft.put(keys.network(tenant, name), withoutSubnet(record, prefix));
      logger.info("drained subnet removed", { network: `${tenant}/${name}`, subnet: prefix });
      return undefined;
    });
  }

  return {
    drain: (name, { removeWhenEmpty }, caller) =>
      change(name, caller, (subnet) => {
        if (subnet.draining?.removeWhenEmpty === removeWhenEmpty) return subnet;
        const since = subnet.draining?.since ?? timestamp(clock);
        return { ...subnet, draining: { since, removeWhenEmpty } };
      }),

    undrain: (name, caller) =>
      change(name, caller, (subnet) => {
        if (subnet.draining === undefined) return subnet;
        const { draining: _, ...open } = subnet;
        return open;
      }),

    load() {
      for (const ofTenant of state.networks.values()) for (const network of ofTenant.values()) note(network);
    },

    follow(changes) {
      for (const change of changes) {
        if (change.kind === "network" && change.after !== undefined) noteOf(change.after.tenant, change.after.name);
        if (change.kind === "quarantine" && change.after === undefined) noteOf(change.tenant, change.network);
        const gone = change.kind === "claim" || change.kind === "block" ? change.before : undefined;
        if (gone !== undefined) noteOf(gone.tenant, gone.network);
      }
    },

    async run(signal) {
      signal.addEventListener("abort", () => wake.resolve(), { once: true });
      while (!signal.aborted) {
        const next = emptied.shift();
        if (next === undefined) {
          wake = Promise.withResolvers();
          await wake.promise;
          continue;
        }
        try {
          await remove(next);
        } catch (error) {
          if (signal.aborted) return;
          logger.warn("a drained subnet was not removed and will be tried again", { error: errorText(error) });
          await clock.wait(RETRY_MILLISECONDS, signal).catch(() => undefined);
          emptied.push(next);
        }
      }
    },
  };
}
