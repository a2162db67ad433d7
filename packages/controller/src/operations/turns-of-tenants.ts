/** What waits, by tenant; tenants take turns. */
export class TurnsOfTenants {
  readonly #waiting = new Map<string, Set<string>>();

  /** How many of a tenant wait. */
  count(tenant: string): number {
    return this.#waiting.get(tenant)?.size ?? 0;
  }

  add(tenant: string, id: string): void {
    const ofTenant = this.#waiting.get(tenant) ?? new Set();
    this.#waiting.set(tenant, ofTenant.add(id));
  }

  /** The oldest of the tenant whose turn it is; undefined: nothing waits. */
  next(): string | undefined {
    for (const [tenant, ids] of this.#waiting) {
      const [id] = ids;
      if (id === undefined) continue;
      ids.delete(id);
      this.#waiting.delete(tenant);
      if (ids.size > 0) this.#waiting.set(tenant, ids);
      return id;
    }
    return undefined;
  }
}
