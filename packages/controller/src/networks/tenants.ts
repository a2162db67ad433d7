import { HoldfastError, Name } from "@holdfast/core";
import type { NewTenant, Tenant, TenantPatch } from "@holdfast/model";
import { type Platform, timestamp } from "../platform.ts";
import { checkIfMatch, notFound } from "../refusals.ts";
import type { Caller } from "../state/change.ts";
import { keys } from "../state/keys.ts";

export interface Tenants {
  /** Makes the tenant `default` when there is none. */
  prepare(): Promise<void>;
  create(body: NewTenant, caller: Caller): Promise<Tenant>;
  get(name: Name): Tenant;
  update(name: Name, patch: TenantPatch, caller: Caller): Promise<Tenant>;
  delete(name: Name, caller: Caller): Promise<void>;
}

const DEFAULT = Name.parse("default");

export function createTenants({ state, changer, clock }: Platform): Tenants {
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
      draft.expect(keys.tenant(body.name), 0);
      const tenant = { name: body.name, labels: body.labels, createdAt: timestamp(clock), revision: 0 };
      draft.put(keys.tenant(body.name), tenant);
      draft.put(keys.space(body.name), {});
      return tenant;
    }, caller);
    return { ...result, revision };
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
        const changed: Tenant = { ...tenant, labels: patch.labels ?? tenant.labels };
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
        draft.expect(keys.tenant(name), tenant.revision);
        draft.expect(keys.space(name), state.spaces.get(name) ?? 0);
        draft.delete(keys.tenant(name));
        draft.delete(keys.space(name));
        return undefined;
      });
    },
  };
}
