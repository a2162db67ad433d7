import type { Netfilter, Removal, TableName } from "@holdfast/netlink";

/** Whether what was taken out of nftables is one of these tables, and not only written anew. What others do with their own costs nothing. */
export function isTableLost(
  netfilter: Pick<Netfilter, "hasTable">,
  tables: readonly TableName[],
  { part, name }: Removal,
): boolean {
  if (part !== "table") return false;
  return tables.some((table) => table.endsWith(` ${name}`) && !netfilter.hasTable(table));
}
