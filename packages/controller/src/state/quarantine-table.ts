import type { IpAddress } from "@holdfast/core";
import { RowTable } from "../rows/row-table.ts";
import type { Rows } from "../rows/rows.ts";
import type { RecordFields } from "./record-fields.ts";
import type { Quarantined } from "./records.ts";

/** An address in quarantine as it is held in memory. */
export type QuarantineEntry = Quarantined & { readonly address: IpAddress; readonly revision: number };

/** The addresses of one network that are in quarantine, packed: a router that answers for everybody may bring many. */
export type QuarantineTable = RowTable<IpAddress, QuarantineEntry>;

export function createQuarantineTable(rows: Rows, fields: RecordFields): QuarantineTable {
  return new RowTable<IpAddress, QuarantineEntry>(rows, {
    keyOf: ({ address }) => address,
    given: (address) => ({ address }),
    fields: fields.quarantine,
  });
}
