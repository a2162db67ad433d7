import { HoldfastError, isHoldfastError } from "@holdfast/core";
import type { TableDefinition } from "../reconcile/operations.ts";
import type { HostTools } from "./host-tools.ts";
import { type RuleSet, ruleSetDigest, ruleSetScript } from "./rule-set.ts";

/**
 * nftables of this machine. Tables with the right digest in their comment are left alone.
 *
 * Docker sets the policy of `FORWARD` to drop, and no accept in a table of ours overrules another chain's drop. So two rules of ours
 * stand in `FORWARD`; dockerd never removes rules there that it has not made, whenever it starts.
 */
export function firewallTable(host: HostTools): TableDefinition<RuleSet> {
  const apply = async (rules: RuleSet, signal: AbortSignal): Promise<void> => {
    for (const family of rules.forwards) {
      await host.setSysctl(family === "v4" ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding", "1");
    }
    await admit(host, rules, signal);
    if (!(await inForce(host, rules, signal))) await host.nft(ruleSetScript(rules), signal);
  };
  return {
    name: "firewall",
    key: (rules) => rules.name,
    same: (a, b) => ruleSetScript(a) === ruleSetScript(b),
    operations: {
      async update(rows, signal) {
        for (const row of rows) await apply(row, signal);
      },
      async remove(rows, signal) {
        for (const row of rows) await apply({ ...row, chains: new Map(), forwards: [] }, signal);
      },
      // A rule set is all of its tables: making it right has removed everything else.
      async prune() {},
    },
  };
}

async function inForce(host: HostTools, rules: RuleSet, signal: AbortSignal): Promise<boolean> {
  const listing = await host.nft("list tables\n", signal).catch((error: unknown) => {
    // Where nobody can set rules there are none, and none are wanted.
    if (rules.chains.size === 0 && isHoldfastError(error, "unavailable")) return "";
    throw error;
  });
  const lines = new Set(listing.split("\n"));
  const present = rules.tables.filter((table) => lines.has(`table ${table}`));
  if (present.length !== rules.chains.size || !present.every((table) => rules.chains.has(table))) return false;
  for (const table of present) {
    const text = await host.nft(`list table ${table}\n`, signal);
    if (/^\s*comment "([0-9a-f]+)"$/m.exec(text)?.[1] !== ruleSetDigest(rules)) return false;
  }
  return true;
}

async function admit(host: HostTools, { admits, chains }: RuleSet, signal: AbortSignal): Promise<void> {
  if (admits === undefined) return;
  const wanted = chains.size > 0;
  for (const family of ["v4", "v6"] as const) {
    for (const direction of ["-i", "-o"]) {
      const rule = ["FORWARD", direction, `${admits}+`, "-m", "comment", "--comment", "holdfast", "-j", "ACCEPT"];
      const present = await host.iptables(family, ["-C", ...rule], signal);
      if (present === undefined || present.ok === wanted) continue;
      const { ok } = (await host.iptables(family, [wanted ? "-I" : "-D", ...rule], signal)) ?? { ok: true };
      if (!ok)
        throw new HoldfastError("kernel_rejected", `iptables refused a rule of FORWARD for ${admits}+ (${family})`);
    }
  }
}
