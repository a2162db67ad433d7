import { type Clock, isHoldfastError, type Logger, systemClock } from "@holdfast/core";
import { createKernel } from "@holdfast/netlink";
import { connectOvsdb, createOpenVSwitch, createSwitchControl, OPEN_VSWITCH_MONITORS } from "@holdfast/ovsdb";
import { readAlias } from "../../links/link-alias.ts";
import { firewallTable } from "../../machine/firewall-table.ts";
import { createHostTools } from "../../machine/host-tools.ts";
import { removeQos } from "../../qos/removal.ts";
import { gatewayRules, shieldRules } from "./firewall.ts";
import { OWNER } from "./ownership.ts";
import { zoneLimitTable } from "./tables/zone-limits.ts";
import { zoneLimits } from "./zone-limits.ts";

export interface RemovalOptions {
  readonly runDirectory: string;
  /** As the driver's. Default `"hf"`. */
  readonly namePrefix?: string;
  /** Path of the network namespace. Absent: this one. */
  readonly namespace?: string;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
}

/** What was there and is gone. */
export interface Removed {
  readonly bridges: readonly string[];
  readonly links: readonly string[];
}

/**
 * Removes everything that a driver on this machine has made, whatever it was for: bridges with their ports and flows, links, firewall
 * rules. For the end of the platform on a machine, when no agent runs.
 */
export async function removeOvsDatapath(options: RemovalOptions): Promise<Removed> {
  await removeZoneLimits(options);
  const bridges = await removeBridges(options);
  const links = await removeLinks(options);
  const { namePrefix = "hf", namespace, signal } = options;
  await removeQosOf(options);
  const firewall = firewallTable(createHostTools(namespace));
  const gateway = gatewayRules({
    gatewayPrefix: `${namePrefix}g-`,
    routedPrefix: `${namePrefix}r`,
    networks: [],
    ports: [],
  });
  await firewall.operations.remove([gateway, shieldRules([])], signal);
  return { bridges, links };
}

/** Others' bridges may keep the datapath that has them. */
async function removeZoneLimits({ runDirectory, clock = systemClock, signal }: RemovalOptions): Promise<void> {
  const limits = zoneLimits(createSwitchControl({ clock }, runDirectory), "netdev");
  if (limits === undefined) return;
  try {
    await zoneLimitTable(limits).definition.operations.prune([], signal);
  } catch (error) {
    // There is no such datapath, or no switch.
    if (!isHoldfastError(error, "switch_rejected") && !isHoldfastError(error, "unavailable")) throw error;
  }
}

async function removeBridges({ runDirectory, logger, clock = systemClock, signal }: RemovalOptions): Promise<string[]> {
  const path = `${runDirectory}/db.sock`;
  const connection = { path, database: "Open_vSwitch", monitors: OPEN_VSWITCH_MONITORS, signal };
  const ovsdb = await connectOvsdb({ logger, clock }, connection);
  try {
    const ovs = createOpenVSwitch(ovsdb);
    const ours = [...ovs.bridges().values()]
      .filter(({ externalIds }) => externalIds.has(OWNER))
      .map(({ name }) => name);
    const sequence = await ovs.commit(() => ours.flatMap((name) => ovs.deleteBridge(name)), signal);
    await ovs.configured(sequence, signal);
    return ours;
  } finally {
    await ovsdb.close();
  }
}

async function removeQosOf({ namePrefix = "hf", namespace, signal }: RemovalOptions): Promise<void> {
  const here = await createKernel();
  const kernel = namespace === undefined ? here : await here.enter(namespace);
  try {
    await removeQos({ kernel, host: createHostTools(namespace) }, `${namePrefix}p`, signal);
  } finally {
    await kernel.close();
    if (kernel !== here) await here.close();
  }
}

async function removeLinks({ namespace }: RemovalOptions): Promise<string[]> {
  const here = await createKernel();
  const kernel = namespace === undefined ? here : await here.enter(namespace);
  try {
    const ours = (await kernel.listLinks())
      .filter(({ alias }) => readAlias(alias) !== undefined)
      .map(({ name }) => name);
    for (const name of ours) await kernel.deleteLink(name);
    return ours;
  } finally {
    await kernel.close();
    if (kernel !== here) await here.close();
  }
}
