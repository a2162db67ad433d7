import { isHoldfastError } from "@holdfast/core";
import { createKernel, type Kernel } from "@holdfast/netlink";
import { readAlias } from "../../links/link-alias.ts";
import { firewallTable } from "../../machine/firewall-table.ts";
import { createHostTools, type HostTools } from "../../machine/host-tools.ts";
import { removeQos } from "../../qos/removal.ts";
import { guardRules } from "./guard.ts";
import { createLinkNames, type KernelDriverOptions } from "./options.ts";
import { removalScript } from "./policy/policy-script.ts";
import { routedRules } from "./routed-rules.ts";
import { gatewayTable } from "./tables/gateways.ts";
import { routeTable } from "./tables/routes.ts";

export interface KernelRemovalOptions extends Pick<KernelDriverOptions, "namePrefix"> {
  /** Path of the network namespace. Absent: this one. */
  readonly namespace?: string;
  readonly signal: AbortSignal;
}

/** What was there and is gone. */
export interface KernelRemoved {
  readonly links: readonly string[];
  /** Prefixes. */
  readonly routes: readonly string[];
}

/** Removes everything that a kernel driver on this machine has made, for the end of the platform there, when no agent runs. */
export async function removeKernelDatapath(options: KernelRemovalOptions): Promise<KernelRemoved> {
  const { namespace, signal } = options;
  const names = createLinkNames(options);
  const here = await createKernel();
  const kernel = namespace === undefined ? here : await here.enter(namespace);
  try {
    const routes = await removeRoutes(kernel, names, signal);
    const links = (await kernel.listLinks())
      .filter(({ name, alias }) => names.linkNumber(name) !== undefined && readAlias(alias) !== undefined)
      .map(({ name }) => name);
    await removeQos({ kernel, host: createHostTools(namespace) }, names.linkPrefix, signal);
    for (const name of links) await kernel.deleteLink(name);
    const gateways = gatewayTable(kernel);
    await gateways.observe();
    await gateways.definition.operations.remove([...gateways.present.values()], signal);
    const firewall = firewallTable(createHostTools(namespace));
    const rules = routedRules({ linkPrefix: names.linkPrefix, networks: [], ports: [] });
    await firewall.operations.remove([rules, guardRules(names.linkPrefix)], signal);
    await removePolicy(createHostTools(namespace), signal);
    return { links, routes };
  } finally {
    await kernel.close();
    if (kernel !== here) await here.close();
  }
}

/** Where nobody can set rules there are none. */
async function removePolicy(host: HostTools, signal: AbortSignal): Promise<void> {
  await host.nft(removalScript(), signal).catch((error: unknown) => {
    if (!isHoldfastError(error, "unavailable")) throw error;
  });
}

async function removeRoutes(
  kernel: Kernel,
  names: ReturnType<typeof createLinkNames>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const routes = routeTable(kernel, names);
  await routes.observe();
  const present = [...routes.present.values()];
  await routes.definition.operations.remove(present, signal);
  return present.map(({ key }) => key);
}
