import type { IpAddress } from "@holdfast/core";
import { type Kernel, ROUTE_PROTOCOL } from "@holdfast/netlink";
import type { OpenVSwitch } from "@holdfast/ovsdb";
import { GATEWAY_MAC } from "../../../links/gateway-mac.ts";
import { linksByName } from "../../../links/links-by-name.ts";
import type { HostTools } from "../../../machine/host-tools.ts";
import type { TableDefinition } from "../../../reconcile/operations.ts";
import type { OvsSettings } from "../options.ts";
import { OWNER } from "../ownership.ts";

/** An internal port with which this machine is in a network. Its device lives and dies with ovs-vswitchd. */
export interface GatewayRow {
  readonly name: string;
  readonly number: number;
  /** Bytes. */
  readonly mtu: number;
  readonly addresses: readonly { readonly address: IpAddress; readonly length: number }[];
  /** Where less fits than the port's MTU: prefix and bytes. */
  readonly routes?: readonly { readonly prefix: string; readonly mtu: number }[];
}

interface GatewayDependencies {
  readonly kernel: Kernel;
  readonly ovs: OpenVSwitch;
  readonly host: HostTools;
}

export function gatewayTable(
  { kernel, ovs, host }: GatewayDependencies,
  { names, node }: OvsSettings,
): TableDefinition<GatewayRow> {
  const configure = async (row: GatewayRow): Promise<void> => {
    const link = row.name;
    // A container may ask us for 127.0.0.1 only by forging, which the firewall drops; published ports of this machine's own need it.
    await host.setSysctl(`net.ipv4.conf.${link}.route_localnet`, "1");
    await kernel.setLink(link, { up: true });
    const wanted = new Set(row.addresses.map(({ address, length }) => `${address}/${length}`));
    for (const observed of await kernel.listAddresses(link)) {
      const foreign = !wanted.has(`${observed.address}/${observed.length}`) && !observed.address.startsWith("fe80:");
      if (foreign) await kernel.deleteAddress(observed);
    }
    for (const address of row.addresses) await kernel.replaceAddress({ link, ...address });
    if (row.routes !== undefined) await route(link, row.routes);
  };
  const route = async (link: string, routes: NonNullable<GatewayRow["routes"]>): Promise<void> => {
    const missing = new Map(routes.map(({ prefix, mtu }) => [prefix, mtu]));
    for (const observed of await kernel.listRoutes({ protocol: ROUTE_PROTOCOL })) {
      if (observed.link !== link) continue;
      if (!missing.has(observed.prefix)) await kernel.deleteRoute(observed);
      else if (missing.get(observed.prefix) === observed.mtu) missing.delete(observed.prefix);
    }
    for (const [prefix, mtu] of missing) await kernel.replaceRoute({ prefix, link, mtu, protocol: ROUTE_PROTOCOL });
  };
  return {
    name: "gateways",
    key: (row) => row.name,
    same: (a, b) => JSON.stringify(a) === JSON.stringify(b),
    needs: () => [{ table: "bridges", key: names.integration }],
    operations: {
      async update(rows, signal) {
        const build = () =>
          rows.flatMap((row) =>
            ovs.addPort({
              bridge: names.integration,
              name: row.name,
              externalIds: { [OWNER]: node },
              interface: { type: "internal", ofportRequest: row.number, mac: GATEWAY_MAC, mtuRequest: row.mtu },
            }),
          );
        const sequence = await ovs.commit(build, signal);
        await ovs.configured(sequence, signal);
        for (const row of rows) {
          await ovs.portReady(row.name, signal, sequence);
          await configure(row);
        }
      },
      async remove(rows, signal) {
        await ovs.commit(() => rows.flatMap((row) => ovs.deletePort(row.name)), signal);
      },
      async prune(desired, signal) {
        const wanted = new Set(desired.map((row) => row.name));
        const ours = ovs
          .ports()
          .values()
          .filter((port) => port.externalIds.get(OWNER) === node);
        const orphans = [...ours].filter(({ name }) => name.startsWith(names.gatewayPrefix) && !wanted.has(name));
        await ovs.commit(() => orphans.flatMap((port) => ovs.deletePort(port.name)), signal);
      },
    },
  };
}

/** Whether all the devices are there; they vanish with ovs-vswitchd. */
export async function allPresent(kernel: Kernel, names: readonly string[]): Promise<boolean> {
  const links = await linksByName(kernel);
  return names.every((name) => links.has(name));
}
