import type { TableDefinition } from "../../../reconcile/operations.ts";
import { type FirewallState, firewallDigest, firewallRules, firewallScript, NFT_TABLE } from "../firewall.ts";
import type { HostTools } from "../host-tools.ts";

/** The one row of the firewall: all of it. */
export const FIREWALL_KEY = "rules";

/**
 * nftables of this machine. A table with the same digest in its comment holds the same rules and is left alone.
 *
 * Docker sets the policy of `FORWARD` to drop, and no accept in a table of ours overrules another chain's drop. So two rules of ours
 * stand first in `FORWARD`; dockerd never removes rules it has not made there, whenever it starts.
 */
export function firewallTable(host: HostTools): TableDefinition<FirewallState> {
  const apply = async (state: FirewallState, signal: AbortSignal): Promise<void> => {
    const guarded = state.networks.length > 0;
    if (guarded) await route(host, state);
    await admit(host, { gatewayPrefix: state.gatewayPrefix, wanted: guarded }, signal);
    if (guarded && (await digestInForce(host, signal)) === firewallDigest(firewallRules(state))) return;
    await host.nft(firewallScript(state), signal);
  };
  return {
    name: "firewall",
    key: () => FIREWALL_KEY,
    same: (a, b) => firewallScript(a) === firewallScript(b),
    operations: {
      async update(rows, signal) {
        for (const row of rows) await apply(row, signal);
      },
      async remove(rows, signal) {
        for (const row of rows) await apply({ ...row, networks: [], ports: [] }, signal);
      },
      // The table is one row: making it right has removed everything else.
      async prune() {},
    },
  };
}

async function route(host: HostTools, { networks }: FirewallState): Promise<void> {
  const prefixes = networks.flatMap((network) => network.prefixes);
  if (prefixes.some((prefix) => !prefix.includes(":"))) await host.setSysctl("net.ipv4.ip_forward", "1");
  if (prefixes.some((prefix) => prefix.includes(":"))) await host.setSysctl("net.ipv6.conf.all.forwarding", "1");
}

async function digestInForce(host: HostTools, signal: AbortSignal): Promise<string | undefined> {
  const listing = await host.nft("list tables\n", signal);
  if (!listing.includes(`table ${NFT_TABLE}`)) return undefined;
  const table = await host.nft(`list table ${NFT_TABLE}\n`, signal);
  return /^\s*comment "([0-9a-f]+)"$/m.exec(table)?.[1];
}

async function admit(
  host: HostTools,
  { gatewayPrefix, wanted }: { readonly gatewayPrefix: string; readonly wanted: boolean },
  signal: AbortSignal,
): Promise<void> {
  for (const family of ["v4", "v6"] as const) {
    for (const direction of ["-i", "-o"]) {
      const rule = [
        "FORWARD",
        direction,
        `${gatewayPrefix}+`,
        "-m",
        "comment",
        "--comment",
        "holdfast",
        "-j",
        "ACCEPT",
      ];
      const present = await host.iptables(family, ["-C", ...rule], signal);
      if (present === undefined || present.ok === wanted) continue;
      await host.iptables(family, [wanted ? "-I" : "-D", ...rule], signal);
    }
  }
}
