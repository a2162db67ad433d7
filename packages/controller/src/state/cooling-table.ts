import type { Identity, IpAddress } from "@holdfast/core";
import { hashOf } from "../rows/hash.ts";
import { HashIndex } from "../rows/hash-index.ts";
import { type RowChange, RowTable } from "../rows/row-table.ts";
import type { Rows } from "../rows/rows.ts";
import type { RecordFields } from "./record-fields.ts";
import type { Cooling } from "./records.ts";

/** A resting address as it is held in memory. */
export type Resting = Cooling & { readonly address: IpAddress; readonly revision: number };

/** The resting addresses of one network, packed, and by whose they were. */
export class CoolingTable {
  readonly #rows: Rows;
  readonly #fields: RecordFields;
  readonly #resting: RowTable<IpAddress, Resting>;
  readonly #byIdentity = new HashIndex();

  constructor(rows: Rows, fields: RecordFields) {
    this.#rows = rows;
    this.#fields = fields;
    this.#resting = new RowTable(rows, {
      keyOf: ({ address }) => address,
      given: (address) => ({ address }),
      fields: fields.cooling,
    });
  }

  get size(): number {
    return this.#resting.size;
  }

  has(address: IpAddress): boolean {
    return this.#resting.has(address);
  }

  get(address: IpAddress): Resting | undefined {
    return this.#resting.get(address);
  }

  /** In no order; see {@link RowTable.each}. */
  values(): Generator<Resting, void> {
    return this.#resting.values();
  }

  /** Addresses that the identity had. */
  of(identity: Identity): IpAddress[] {
    const found: IpAddress[] = [];
    this.#byIdentity.find(this.#hashOf(identity), (row) => {
      if (this.#identityAt(row) === identity) found.push(this.#resting.keyAt(row));
      return false;
    });
    return found;
  }

  /** Gives what was there before. */
  set(resting: Resting): Resting | undefined {
    const change = this.#resting.put(resting);
    this.#follow(change, resting.identity);
    return change.before;
  }

  /** Gives what was there. */
  delete(address: IpAddress): Resting | undefined {
    const change = this.#resting.delete(address);
    this.#follow(change, undefined);
    return change.before;
  }

  #follow({ before, from, to }: RowChange<Resting>, after: Identity | undefined): void {
    if (from !== undefined && before !== undefined) this.#byIdentity.delete(this.#hashOf(before.identity), from);
    if (to !== undefined && after !== undefined) this.#byIdentity.add(this.#hashOf(after), to);
  }

  #hashOf(identity: Identity): number {
    const { writer } = this.#rows;
    writer.restart();
    writer.text(identity);
    return hashOf(writer.bytes, 0, writer.length);
  }

  #identityAt(row: number): string | undefined {
    const { reader } = this.#rows;
    reader.open(row);
    reader.skipText();
    return this.#fields.cooling.findFirst(reader) ? reader.text() : undefined;
  }
}
