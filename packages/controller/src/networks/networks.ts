import { type Cidr, HoldfastError, type Name } from "@holdfast/core";
import type { Network, NetworkPatch, NewNetwork } from "@holdfast/model";
import { refuseWithBlocks } from "../blocks/block-drafts.ts";
import { refuseWithQuarantine } from "../claims/quarantine.ts";
import { type Platform, timestamp } from "../platform.ts";
import { checkDefaults } from "../policy/tenant-things.ts";
import { checkIfMatch, notFound, requireNetwork } from "../refusals.ts";
import type { Caller } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { NetworkState } from "../state/network-state.ts";
import { publicNetwork, type StoredNetwork } from "../state/records.ts";
import type { State } from "../state/state.ts";
import { checkKind, checkMasqueraded, checkProbed } from "./network-check.ts";
import { checkNetworkQuota } from "./quotas.ts";
import { refuseRoutedElsewhere } from "./routed-prefixes.ts";
import { takeSegment } from "./segments.ts";
import { checkedSubnet, checkOverlap } from "./subnet-check.ts";

export interface Networks {
  create(tenant: Name, body: NewNetwork, caller: Caller): Promise<Network>;
  get(tenant: Name, network: Name): Network;
  update(tenant: Name, network: Name, patch: NetworkPatch, caller: Caller): Promise<Network>;
  delete(tenant: Name, network: Name, caller: Caller): Promise<void>;
  /** Opens what a controller that died was about to remove. */
  prepare(): Promise<void>;
}

/** What Ethernet carries, and what is left of it inside VXLAN over IPv4 (RFC 7348: 50 bytes). */
const DEFAULT_MTU = { vlan: 1500, vxlan: 1450, routed: 1500 } as const;

export function createNetworks(platform: Platform): Networks {
  const { state, changer, clock, logger, rules } = platform;

  return {
    async create(tenant, body, caller) {
      const { result, revision } = await changer.change((draft) => {
        const owner = state.tenants.get(tenant);
        if (owner === undefined) throw notFound(`tenant ${tenant}`);
        if (state.network(tenant, body.name)?.record !== undefined) {
          throw new HoldfastError("already_exists", `network ${body.name} exists already in tenant ${tenant}`);
        }
        checkKind(body);
        checkDefaults(rules, body.policyDefaults);
        checkNetworkQuota(owner, networksOf(state, tenant));
        const subnets = body.subnets.map((subnet, index) => checkedSubnet(subnet, `subnets.${index}.`, body.kind));
        const taken = prefixesOf(state, tenant);
        for (const [index, { prefix }] of subnets.entries()) {
          checkOverlap(prefix, `subnets.${index}.prefix`, taken);
          taken.push({ prefix, network: body.name });
        }
        if (body.kind === "routed") {
          refuseRoutedElsewhere(draft, state, subnets, (index) => `subnets.${index}.prefix`);
        }
        const { id, segment } = takeSegment(draft, { state, rules }, { kind: body.kind, segment: body.segment });
        const network: Network = {
          tenant,
          name: body.name,
          id,
          kind: body.kind,
          ...(segment === undefined ? {} : { segment }),
          ...(body.masquerade === undefined ? {} : { masquerade: body.masquerade }),
          subnets,
          mtu: body.mtu ?? DEFAULT_MTU[body.kind],
          docker: body.docker,
          cooldownSeconds: body.cooldownSeconds,
          ...(body.nodeBlocks === undefined ? {} : { nodeBlocks: body.nodeBlocks }),
          ...(body.conflictProbe === undefined ? {} : { conflictProbe: body.conflictProbe }),
          ...(body.retention === undefined ? {} : { retention: body.retention }),
          ...(body.policyDefaults === undefined ? {} : { policyDefaults: body.policyDefaults }),
          labels: body.labels,
          createdAt: timestamp(clock),
          revision: 0,
        };
        draft.expect(keys.tenant(tenant), owner.revision);
        draft.expect(keys.space(tenant), state.spaces.get(tenant) ?? 0);
        draft.expect(keys.network(tenant, body.name), 0);
        draft.put(keys.space(tenant), {});
        if (segment !== undefined) draft.put(keys.segment(body.kind, segment), { tenant, network: body.name });
        draft.put(keys.network(tenant, body.name), network);
        return network;
      }, caller);
      return { ...result, revision };
    },

    get: (tenant, network) => publicNetwork(requireNetwork(state, tenant, network).record),

    async update(tenant, name, patch, caller) {
      const { result, revision } = await changer.change((draft) => {
        const { record } = requireNetwork(state, tenant, name);
        checkIfMatch(caller, `network ${tenant}/${name}`, record.revision);
        draft.expect(keys.network(tenant, name), record.revision);
        if (patch.conflictProbe != null) checkProbed(record);
        checkDefaults(rules, patch.policyDefaults);
        const { nodeBlocks: former, conflictProbe: formerProbe, retention: formerRetention, ...others } = record;
        const { policyDefaults: formerDefaults, ...rest } = others;
        const policyDefaults =
          patch.policyDefaults === undefined ? formerDefaults : (patch.policyDefaults ?? undefined);
        if (patch.masquerade !== undefined) checkMasqueraded(record);
        const conflictProbe = patch.conflictProbe === undefined ? formerProbe : (patch.conflictProbe ?? undefined);
        const retention = patch.retention === undefined ? formerRetention : (patch.retention ?? undefined);
        const nodeBlocks = patch.nodeBlocks === undefined ? former : (patch.nodeBlocks ?? undefined);
        const changed: StoredNetwork = {
          ...rest,
          ...(nodeBlocks === undefined ? {} : { nodeBlocks }),
          ...(conflictProbe === undefined ? {} : { conflictProbe }),
          ...(retention === undefined ? {} : { retention }),
          ...(policyDefaults === undefined ? {} : { policyDefaults }),
          docker: patch.docker ?? record.docker,
          mtu: patch.mtu ?? record.mtu,
          ...(patch.masquerade === undefined ? {} : { masquerade: patch.masquerade }),
          cooldownSeconds: patch.cooldownSeconds ?? record.cooldownSeconds,
          labels: patch.labels ?? record.labels,
        };
        draft.put(keys.network(tenant, name), changed);
        return changed;
      });
      return { ...publicNetwork(result), revision };
    },

    async delete(tenant, name, caller) {
      await closing(platform, { tenant, network: name, what: "*" }, caller, {
        check: (whole) => {
          const { claims } = whole;
          refuseWithBlocks(whole, `network ${tenant}/${name}`);
          if (claims.size === 0) return refuseWithQuarantine(whole, `network ${tenant}/${name}`);
          const [first] = claims.keys();
          throw new HoldfastError(
            "in_use",
            `network ${tenant}/${name} has ${claims.size} claims, e.g. ${first}; release them first`,
            { details: { claims: claims.size } },
          );
        },
        finish: (draft, record) => {
          draft.expect(keys.space(tenant), state.spaces.get(tenant) ?? 0);
          draft.put(keys.space(tenant), {});
          draft.delete(keys.network(tenant, name));
          if (record.segment !== undefined) draft.delete(keys.segment(record.kind, record.segment));
          return undefined;
        },
      });
    },

    async prepare() {
      for (const ofTenant of state.networks.values()) {
        for (const { tenant, name, record } of ofTenant.values()) {
          if (record?.closing === undefined) continue;
          logger.info("removal that was cut short is undone", { network: `${tenant}/${name}` });
          for (const what of record.closing) await reopen(platform, { tenant, network: name, what });
        }
      }
    },
  };
}

/** Every prefix of a tenant's networks. */
export function prefixesOf(state: State, tenant: Name) {
  const networks = [...(state.networks.get(tenant)?.values() ?? [])];
  return networks.flatMap(({ name, record }) =>
    (record?.subnets ?? []).map(({ prefix }) => ({ prefix, network: name })),
  );
}

/** The network when one of its subnets is gone. */
export function withoutSubnet(record: StoredNetwork, prefix: Cidr): StoredNetwork {
  const { closing: parts = [], ...open } = record;
  const rest = parts.filter((what) => what !== prefix);
  const subnets = record.subnets.filter((subnet) => subnet.prefix !== prefix);
  return rest.length === 0 ? { ...open, subnets } : { ...open, subnets, closing: rest };
}

/** How many networks a tenant has. */
function networksOf(state: State, tenant: Name): number {
  let count = 0;
  for (const { record } of state.networks.get(tenant)?.values() ?? []) if (record !== undefined) count++;
  return count;
}

interface Removal<T> {
  /** Throws when something still uses it. */
  check(network: NetworkState): void;
  finish(draft: Parameters<Parameters<Platform["changer"]["change"]>[0]>[0], record: StoredNetwork): T;
}

/** A network (`what` is `"*"`) or a subnet of it (its prefix). */
interface Part {
  readonly tenant: Name;
  readonly network: Name;
  readonly what: string;
}

/**
 * Removes a part of a network that others may be claiming in at this moment, in two commits: first it is closed, so that claims that are
 * decided on from now on avoid it, and claims that were decided on before fail, because the network's revision has moved; then, when all
 * that was claimed before is known and there is nothing, it goes. Else it is opened again.
 */
export async function closing<T extends object | undefined>(
  platform: Platform,
  part: Part,
  caller: Caller,
  removal: Removal<T>,
): Promise<{ readonly result: T; readonly revision: number }> {
  const { state, changer } = platform;
  const key = keys.network(part.tenant, part.network);
  await changer.change((draft) => {
    const { network, record } = requireNetwork(state, part.tenant, part.network);
    checkIfMatch(caller, `network ${part.tenant}/${part.network}`, record.revision);
    removal.check(network);
    draft.expect(key, record.revision);
    draft.put(key, { ...record, closing: [...new Set([...(record.closing ?? []), part.what])] });
    return undefined;
  });
  try {
    return await changer.change((draft) => {
      const { network, record } = requireNetwork(state, part.tenant, part.network);
      removal.check(network);
      if (record.closing?.includes(part.what) !== true) {
        throw new HoldfastError("conflict", "the removal was undone by another controller; try again", {
          retryable: true,
        });
      }
      draft.expect(key, record.revision);
      return removal.finish(draft, record);
    });
  } catch (error) {
    await reopen(platform, part);
    throw error;
  }
}

async function reopen({ state, changer }: Platform, part: Part): Promise<void> {
  const key = keys.network(part.tenant, part.network);
  await changer.change((draft) => {
    const record = state.network(part.tenant, part.network)?.record;
    if (record?.closing?.includes(part.what) !== true) return undefined;
    const { closing: parts = [], ...open } = record;
    const rest = parts.filter((what) => what !== part.what);
    draft.expect(key, record.revision);
    draft.put(key, rest.length === 0 ? open : { ...open, closing: rest });
    return undefined;
  });
}
