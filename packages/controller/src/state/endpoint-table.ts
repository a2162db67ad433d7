import type { Endpoint } from "@holdfast/model";
import { RowTable } from "../rows/row-table.ts";
import type { Packing } from "./network-state.ts";

/** All endpoints by id, packed. An endpoint that is got is a copy. */
export type EndpointTable = RowTable<string, Endpoint>;

export function createEndpointTable({ rows, fields }: Packing): EndpointTable {
  return new RowTable(rows, { keyOf: ({ id }) => id, given: (id) => ({ id }), fields: fields.endpoint });
}
