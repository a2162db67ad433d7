import { setImmediate } from "node:timers/promises";
import { HoldfastError } from "@holdfast/core";
import type { Kernel } from "@holdfast/netlink";
import type { OpenVSwitch, PortOptions } from "@holdfast/ovsdb";
import { readAlias, SPARE_ALIAS } from "../../../links/link-alias.ts";
import { linksByName } from "../../../links/links-by-name.ts";
import type { HostTools } from "../../../machine/host-tools.ts";
import type { TableDefinition } from "../../../reconcile/operations.ts";
import type { OvsSettings } from "../options.ts";
import { OWNER, OWNER_ENDPOINT } from "../ownership.ts";

/** A veth whose one end is a port of the integration bridge. Its alias says whose it is; its name has its OpenFlow port. */
export interface LinkRow {
  readonly name: string;
  readonly peer: string;
  readonly number: number;
  /** Told to the switch's database, for people. */
  readonly endpoint?: string;
}

/** Bytes; what an Ethernet has when nobody says otherwise. */
export const DEFAULT_MTU = 1500;

/** To unplug one takes ovs-vswitchd some 15 ms; between two batches it forwards and takes flows. */
const REMOVED_AT_ONCE = 4;

interface LinkDependencies {
  readonly kernel: Kernel;
  readonly ovs: OpenVSwitch;
  readonly host: HostTools;
  /** Whether the interface may be made: an endpoint's that has vanished is never made again, nobody would have the new one. */
  readonly mayCreate: (row: LinkRow) => boolean;
}

export function linkTable(
  { kernel, ovs, host, mayCreate }: LinkDependencies,
  settings: OvsSettings,
): TableDefinition<LinkRow> {
  const { names, node, datapathType } = settings;
  const portOptions = (row: LinkRow): PortOptions => ({
    name: row.name,
    externalIds: { [OWNER]: node },
    interface: {
      ofportRequest: row.number,
      externalIds: { [OWNER]: node, ...(row.endpoint === undefined ? {} : { [OWNER_ENDPOINT]: row.endpoint }) },
    },
  });
  /** A link that is used again must not go by the name of whom it was before. */
  const withoutFormerEndpoint = (row: LinkRow) => {
    const former = ovs.interfaces().get(row.name)?.externalIds.has(OWNER_ENDPOINT) ?? false;
    if (row.endpoint !== undefined || !former) return [];
    return ovs.setExternalIds({ table: "Interface", name: row.name, set: { [OWNER_ENDPOINT]: undefined } });
  };
  const create = async (row: LinkRow): Promise<void> => {
    if (!mayCreate(row)) {
      throw new HoldfastError("not_found", `interface ${row.name} of an endpoint is gone; detach the endpoint`);
    }
    await kernel.createVeth({ name: row.name, peer: row.peer, mtu: DEFAULT_MTU, alias: SPARE_ALIAS, up: true });
    // The machine itself has no business on it. A kernel without IPv6 has no such setting.
    await host.setSysctl(`net.ipv6.conf.${row.name}.disable_ipv6`, "1").catch(() => undefined);
    if (datapathType === "system") return;
    await kernel.disableOffloads(row.peer);
    await kernel.disableOffloads(row.name);
  };
  const plugged = async (row: LinkRow, sequence: number, signal: AbortSignal): Promise<void> => {
    const { ofport } = await ovs.portReady(row.name, signal, sequence);
    if (ofport === row.number) return;
    throw new HoldfastError("conflict", `the switch gave ${row.name} port ${ofport} instead of ${row.number}`);
  };
  const remove = async (names: readonly string[], signal: AbortSignal): Promise<void> => {
    for (let start = 0; start < names.length; start += REMOVED_AT_ONCE) {
      const some = names.slice(start, start + REMOVED_AT_ONCE);
      const sequence = await ovs.commit(() => some.flatMap((name) => ovs.deletePort(name)), signal);
      await ovs.configured(sequence, signal);
      for (const name of some) await kernel.deleteLink(name);
    }
  };

  return {
    name: "links",
    key: (row) => row.name,
    same: (a, b) => a.endpoint === b.endpoint,
    needs: () => [{ table: "bridges", key: names.integration }],
    operations: {
      async update(rows, signal) {
        const links = await linksByName(kernel);
        for (const row of rows) {
          if (links.has(row.name)) continue;
          await create(row);
          // To make one blocks this process for 2 ms; whoever attaches meanwhile must get his turn.
          await setImmediate();
        }
        const build = () =>
          rows.flatMap((row) => [
            ...ovs.addPort({ bridge: names.integration, ...portOptions(row) }),
            ...withoutFormerEndpoint(row),
          ]);
        const sequence = await ovs.commit(build, signal);
        await Promise.all(rows.map((row) => plugged(row, sequence, signal)));
      },
      remove: (rows, signal) =>
        remove(
          rows.map((row) => row.name),
          signal,
        ),
      async prune(desired, signal) {
        const wanted = new Set(desired.map((row) => row.name));
        const links = (await kernel.listLinks()).filter((link) => readAlias(link.alias) !== undefined);
        const ports = ovs
          .ports()
          .values()
          .filter((port) => port.externalIds.get(OWNER) === node);
        const ours = new Set([...links, ...ports].map(({ name }) => name));
        const orphans = [...ours].filter((name) => names.linkNumber(name) !== undefined && !wanted.has(name));
        if (orphans.length > 0) await remove(orphans, signal);
      },
    },
  };
}
