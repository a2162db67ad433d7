import { createHash } from "node:crypto";
import type { Family } from "@holdfast/core";
import type { TableName } from "@holdfast/netlink";

/** A piece of the firewall that is in force as a whole or not at all. */
export interface RuleSet {
  /** E.g. `"gateway"`. */
  readonly name: string;
  /** The nft tables that it is, e.g. `"inet holdfast"`: whatever is in them is ours. */
  readonly tables: readonly [TableName, ...TableName[]];
  /** Chains and sets by table. Empty: the tables are not there. */
  readonly chains: ReadonlyMap<string, string>;
  /** Families in which this machine must forward. */
  readonly forwards: readonly Family[];
  /** Links with names that begin so may be forwarded from and to, whatever other tables' default is. */
  readonly admits?: string;
}

/** The mark in each table's comment by which a restarted agent sees that these rules are in force already. */
export function ruleSetDigest({ chains }: RuleSet): string {
  return createHash("sha256")
    .update(JSON.stringify([...chains]))
    .digest("hex")
    .slice(0, 16);
}

/** A script for nft(8) that replaces the tables in one transaction. */
export function ruleSetScript(rules: RuleSet): string {
  const reset = rules.tables.map((table) => `table ${table}\ndelete table ${table}\n`).join("");
  const comment = `  comment "${ruleSetDigest(rules)}"\n`;
  const tables = [...rules.chains].map(([table, chains]) => `table ${table} {\n${comment}${chains}}\n`);
  return reset + tables.join("");
}
