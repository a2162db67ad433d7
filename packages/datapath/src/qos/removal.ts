import { isHoldfastError } from "@holdfast/core";
import type { Kernel } from "@holdfast/netlink";
import type { HostTools } from "../machine/host-tools.ts";
import { qosTableName, queueLinks } from "./qos-table.ts";
import { removeUplinkRules, uplinkTableName } from "./uplink-rules.ts";
import { uplinkIfb } from "./uplink-tree.ts";

/** Removes the rules and queues of all links of a driver, for the end of the platform on a machine. */
export async function removeQos(
  { kernel, host }: { readonly kernel: Kernel; readonly host: HostTools },
  linkPrefix: string,
  signal: AbortSignal,
): Promise<void> {
  const table = qosTableName(linkPrefix);
  const script = ["netdev", "inet"].map((family) => `add table ${family} ${table}\ndelete table ${family} ${table}\n`);
  script.push(removeUplinkRules(uplinkTableName(linkPrefix)));
  // Where nobody can set rules there are none.
  await host.nft(script.join(""), signal).catch((error: unknown) => {
    if (!isHoldfastError(error, "unavailable")) throw error;
  });
  await kernel.deleteLink(uplinkIfb(linkPrefix));
  for (const { name } of await queueLinks(kernel, linkPrefix)) await kernel.deleteLink(name);
}
