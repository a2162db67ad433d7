import type { Identity, IpAddress } from "@holdfast/core";
import type { Claim } from "@holdfast/model";
import { address as addressCodec, writeAddress } from "../rows/address-codec.ts";
import { hashOf, hasRun } from "../rows/hash.ts";
import { HashIndex } from "../rows/hash-index.ts";
import type { RecordCodec } from "../rows/record-codec.ts";
import type { RowTable } from "../rows/row-table.ts";
import type { Rows } from "../rows/rows.ts";

/** Who has which address of a network. Has nothing of its own but where to look: the addresses lie in the rows of the claims, as their first field. */
export class AddressOwners {
  readonly #rows: Rows;
  readonly #fields: RecordCodec;
  readonly #claims: RowTable<Identity, Claim>;
  readonly #index = new HashIndex();
  /** Bytes of the address that is looked for, in the writer. */
  #length = 0;

  constructor(rows: Rows, fields: RecordCodec, claims: RowTable<Identity, Claim>) {
    this.#rows = rows;
    this.#fields = fields;
    this.#claims = claims;
  }

  /** How many addresses are claimed. */
  get size(): number {
    return this.#index.size;
  }

  has(address: IpAddress): boolean {
    return this.#owner(address) !== undefined;
  }

  get(address: IpAddress): Identity | undefined {
    const owner = this.#owner(address);
    return owner === undefined ? undefined : this.#claims.keyAt(owner);
  }

  /** As {@link RowTable.each}. */
  *keys(): Generator<IpAddress, void> {
    for (const addresses of this.#claims.each((row) => this.#addressesOf(row))) yield* addresses;
  }

  add(address: IpAddress, row: number): void {
    this.#index.add(this.#look(address), row);
  }

  /** Only as the address of this row: in a commit that passes it on, its new owner may have it already. */
  delete(address: IpAddress, row: number): void {
    this.#index.delete(this.#look(address), row);
  }

  #owner(address: IpAddress): number | undefined {
    return this.#index.find(this.#look(address), this.#has);
  }

  #look(address: IpAddress): number {
    const { writer } = this.#rows;
    writer.restart();
    writeAddress(writer, address);
    this.#length = writer.length;
    return hashOf(writer.bytes, 0, writer.length);
  }

  readonly #has = (row: number): boolean => {
    const { reader, writer } = this.#rows;
    for (let left = this.#openAddresses(row); left > 0; left--) {
      if (hasRun(reader.bytes, reader.position, writer.bytes, this.#length)) return true;
      addressCodec.skip(reader);
    }
    return false;
  };

  #addressesOf(row: number): IpAddress[] {
    const count = this.#openAddresses(row);
    return Array.from({ length: count }, () => addressCodec.read(this.#rows.reader, {}));
  }

  /** Goes to the first address of a row; gives how many there are. */
  #openAddresses(row: number): number {
    const { reader } = this.#rows;
    reader.open(row);
    reader.skipText();
    return this.#fields.findFirst(reader) ? reader.whole() : 0;
  }
}
