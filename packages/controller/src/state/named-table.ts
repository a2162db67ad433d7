import type { Name } from "@holdfast/core";

/** What a tenant has by name. */
export interface Named {
  readonly tenant: Name;
  readonly name: Name;
}

/** Objects that a tenant has by name. */
export class NamedTable<T extends Named> {
  readonly #byTenant = new Map<Name, Map<Name, T>>();

  get(tenant: Name, name: Name): T | undefined {
    return this.#byTenant.get(tenant)?.get(name);
  }

  /** Those of one tenant, or of all. */
  *values(tenant?: Name): Generator<T, void> {
    const tables = tenant === undefined ? this.#byTenant.values() : [this.#byTenant.get(tenant) ?? new Map<Name, T>()];
    for (const table of tables) yield* table.values();
  }

  /** Gives what was there before. */
  put(object: T): T | undefined {
    const table = this.#byTenant.getOrInsertComputed(object.tenant, () => new Map<Name, T>());
    const before = table.get(object.name);
    table.set(object.name, object);
    return before;
  }

  /** Gives what was there. */
  delete(tenant: Name, name: Name): T | undefined {
    const table = this.#byTenant.get(tenant);
    const before = table?.get(name);
    table?.delete(name);
    if (table?.size === 0) this.#byTenant.delete(tenant);
    return before;
  }
}
