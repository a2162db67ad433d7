import { HoldfastError, Name } from "@holdfast/core";
import type { NewTenant, Tenant, TenantPatch } from "@holdfast/model";
import { askForBlocks } from "../blocks/block-drafts.ts";
import { type Platform, timestamp } from "../platform.ts";
import { checkDefaults, refuseWithPolicies } from "../policy/tenant-things.ts";
import { checkIfMatch, notFound } from "../refusals.ts";
import type { Caller, Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import { changedLimits, isCounted } from "./quotas.ts";

export interface Tenants {
  /** Makes the tenant `default` when there is none. */
  prepare(): Promise<void>;
  create(body: NewTenant, caller: Caller): Promise<Tenant>;
  get(name: Name): Tenant;
  update(name: Name, patch: TenantPatch, caller: Caller): Promise<Tenant>;
  delete(name: Name, caller: Caller): Promise<void>;
}

const DEFAULT = Name.parse("default");

export function createTenants({ state, changer, clock, rules }: Platform): Tenants {
  function get(name: Name): Tenant {
    const tenant = state.tenants.get(name);
    if (tenant === undefined) throw notFound(`tenant ${name}`);
    return tenant;
  }

  async function create(body: NewTenant, caller: Caller): Promise<Tenant> {
    const { result, revision } = await changer.change((draft) => {
      if (state.tenants.has(body.name)) {
        throw new HoldfastError("already_exists", `tenant ${body.name} exists already`);
      }
      checkDefaults(rules, body.policyDefaults);
      draft.expect(keys.tenant(body.name), 0);
      const quotas = changedLimits(undefined, body.quotas);
      const tenant: Tenant = {
        name: body.name,
        labels: body.labels,
        ...(quotas === undefined ? {} : { quotas }),
        ...(body.policyDefaults === undefined ? {} : { policyDefaults: body.policyDefaults }),
        ...(body.sharedWith === undefined ? {} : { sharedWith: body.sharedWith }),
        createdAt: timestamp(clock),
        revision: 0,
      };
      draft.put(keys.tenant(body.name), tenant);
      draft.put(keys.space(body.name), {});
      return tenant;
    }, caller);
    return { ...result, revision };
  }

  /**
   * Makes every claim that was decided on under the former quotas fail: it rests on the keeper, or, when nothing was counted, on its
   * network's record. Nodes cannot count what they give: their blocks are asked for.
   */
  function endCounting(draft: Draft, { name, quotas }: Tenant, after: Tenant): void {
    if (!isCounted(quotas) && !isCounted(after.quotas)) return;
    draft.put(keys.keeper(name), { keeper: "" });
    if (isCounted(quotas)) return;
    draft.expect(keys.space(name), state.spaces.get(name) ?? 0);
    for (const network of state.networks.get(name)?.values() ?? []) {
      if (network.record === undefined) continue;
      draft.expect(keys.network(name, network.name), network.record.revision);
      draft.put(keys.network(name, network.name), network.record);
      askForBlocks(draft, network);
    }
  }

  return {
    async prepare() {
      if (state.tenants.has(DEFAULT)) return;
      try {
        await create({ name: DEFAULT, labels: {} }, { actor: "controller" });
      } catch (error) {
        // Another controller may have been faster.
        if (!state.tenants.has(DEFAULT)) throw error;
      }
    },

    create,
    get,

    async update(name, patch, caller) {
      const { result, revision } = await changer.change((draft) => {
        const tenant = get(name);
        checkIfMatch(caller, `tenant ${name}`, tenant.revision);
        draft.expect(keys.tenant(name), tenant.revision);
        checkDefaults(rules, patch.policyDefaults);
        const { quotas: _, policyDefaults: former, ...rest } = tenant;
        const policyDefaults = patch.policyDefaults === undefined ? former : (patch.policyDefaults ?? undefined);
        const quotas = changedLimits(tenant.quotas, patch.quotas);
        const labels = patch.labels ?? tenant.labels;
        const changed: Tenant = {
          ...rest,
          labels,
          ...(quotas === undefined ? {} : { quotas }),
          ...(policyDefaults === undefined ? {} : { policyDefaults }),
          ...(patch.sharedWith === undefined ? {} : { sharedWith: patch.sharedWith }),
        };
        if (patch.quotas !== undefined) endCounting(draft, tenant, changed);
        draft.put(keys.tenant(name), changed);
        return changed;
      });
      return { ...result, revision };
    },

    async delete(name, caller) {
      await changer.change((draft) => {
        const tenant = get(name);
        checkIfMatch(caller, `tenant ${name}`, tenant.revision);
        if (name === DEFAULT) throw new HoldfastError("in_use", "the tenant default always exists");
        const networks = [...(state.networks.get(name)?.values() ?? [])].filter(({ record }) => record !== undefined);
        if (networks.length > 0) {
          const names = networks.slice(0, 3).map((network) => network.name);
          throw new HoldfastError(
            "in_use",
            `tenant ${name} has ${networks.length} networks, e.g. ${names.join(", ")}; delete them first`,
            { details: { networks: networks.length } },
          );
        }
        refuseWithPolicies(state, name);
        draft.expect(keys.tenant(name), tenant.revision);
        draft.expect(keys.space(name), state.spaces.get(name) ?? 0);
        draft.delete(keys.tenant(name));
        draft.delete(keys.space(name));
        draft.delete(keys.keeper(name));
        return undefined;
      });
    },
  };
}
