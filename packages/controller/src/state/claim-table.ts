import type { Identity, IpAddress, Name } from "@holdfast/core";
import type { Claim } from "@holdfast/model";
import { type RowChange, RowTable } from "../rows/row-table.ts";
import type { Rows } from "../rows/rows.ts";
import { AddressOwners } from "./address-owners.ts";
import type { RecordFields } from "./record-fields.ts";

/** The claims of one network by identity, packed, and who has which address by them. A claim that is got is a copy. */
export class ClaimTable {
  readonly addresses: AddressOwners;
  readonly #claims: RowTable<Identity, Claim>;

  constructor(rows: Rows, fields: RecordFields, { tenant, name }: { readonly tenant: Name; readonly name: Name }) {
    this.#claims = new RowTable(rows, {
      keyOf: ({ identity }) => identity,
      given: (identity) => ({ tenant, network: name, identity }),
      fields: fields.claim,
    });
    this.addresses = new AddressOwners(rows, fields.claim, this.#claims);
  }

  get size(): number {
    return this.#claims.size;
  }

  has(identity: Identity): boolean {
    return this.#claims.has(identity);
  }

  get(identity: Identity): Claim | undefined {
    return this.#claims.get(identity);
  }

  /** In no order; see {@link RowTable.each}. */
  values(): Generator<Claim, void> {
    return this.#claims.values();
  }

  /** As {@link values}. */
  keys(): Generator<Identity, void> {
    return this.#claims.keys();
  }

  /** Some fields of each claim, see {@link RowTable.pick}. */
  pick<Field extends Exclude<keyof Claim, "tenant" | "network" | "identity">>(
    ...fields: Field[]
  ): Generator<Pick<Claim, Field>, void> {
    return this.#claims.pick(...fields);
  }

  /** The claims that run out, see {@link RowTable.having}. */
  expiring(): Generator<Claim, void> {
    return this.#claims.having("expiresAt");
  }

  /** Gives the claim that was there before. */
  set(claim: Claim): Claim | undefined {
    const change = this.#claims.put(claim);
    this.#follow(change, claim.addresses);
    return change.before;
  }

  /** Gives the claim that was there. */
  delete(identity: Identity): Claim | undefined {
    const change = this.#claims.delete(identity);
    this.#follow(change, []);
    return change.before;
  }

  #follow({ before, from, to }: RowChange<Claim>, after: readonly IpAddress[]): void {
    if (before !== undefined && from === to && sameAddresses(before.addresses, after)) return;
    if (from !== undefined) for (const address of before?.addresses ?? []) this.addresses.delete(address, from);
    if (to !== undefined) for (const address of after) this.addresses.add(address, to);
  }
}

function sameAddresses(some: readonly IpAddress[], others: readonly IpAddress[]): boolean {
  return some.length === others.length && some.every((address, index) => address === others[index]);
}
