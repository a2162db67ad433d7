import { HoldfastError, type MacAddress } from "@holdfast/core";
import type { Kernel } from "@holdfast/netlink";
import { endpointAlias, readAlias } from "../../../links/link-alias.ts";
import type { HostTools } from "../../../machine/host-tools.ts";
import type { TableDefinition } from "../../../reconcile/operations.ts";
import { GATEWAY } from "../gateway.ts";
import type { LinkNames } from "../options.ts";

/** A veth of one endpoint. Its alias says whose it is. */
export interface VethRow {
  readonly name: string;
  readonly peer: string;
  readonly endpoint: string;
  readonly mac: MacAddress;
  /** Bytes, when it is made: what the sandbox has got is its own. */
  readonly mtu: number;
  /** Where the peer is made; absent: here. */
  readonly sandbox?: string;
  /** Its endpoint has IPv6 addresses, whose gateway is on each link; absent: the link has no IPv6. Counts when the link is made. */
  readonly v6?: true;
}

interface VethDependencies {
  readonly kernel: Kernel;
  readonly host: HostTools;
  /** Whether the interface may be made: one that has vanished is never made again, nobody would have the new one. */
  readonly mayCreate: (row: VethRow) => boolean;
}

export function vethTable({ kernel, host, mayCreate }: VethDependencies, names: LinkNames): TableDefinition<VethRow> {
  const setUpV6 = (name: string) => [
    ignoringAbsence(host.setSysctl(`net.ipv6.conf.${name}.accept_ra`, "0", "new")),
    ignoringAbsence(kernel.replaceAddress({ link: name, address: GATEWAY.v6, length: 64 })),
  ];
  const create = async ({ name, peer, endpoint, mac, mtu, sandbox, v6 }: VethRow): Promise<void> => {
    const alias = endpointAlias(endpoint);
    const place = sandbox === undefined ? {} : { peerNamespace: sandbox };
    await kernel.createVeth({ name, peer, peerMac: mac, mtu, alias, up: true, ...place });
    try {
      await Promise.all([
        // The kernel's own guard against forged sources; a second one, for both families, is in the firewall.
        host.setSysctl(`net.ipv4.conf.${name}.rp_filter`, "1", "new"),
        // The machine may ask for its published ports by its loopback; endpoints may not, which the firewall sees to.
        host.setSysctl(`net.ipv4.conf.${name}.route_localnet`, "1", "new"),
        ...(v6 ? setUpV6(name) : [ignoringAbsence(host.setSysctl(`net.ipv6.conf.${name}.disable_ipv6`, "1", "new"))]),
      ]);
    } catch (error) {
      await kernel.deleteLink(name);
      throw error;
    }
  };
  const ensure = async (row: VethRow): Promise<void> => {
    // One that is there already is taken as it is when it is what is wanted.
    if (mayCreate(row)) return await create(row);
    if ((await kernel.getLink(row.name)) !== undefined) return;
    const text = `interface ${row.name} of endpoint ${row.endpoint} is gone; detach the endpoint`;
    throw new HoldfastError("not_found", text);
  };
  return {
    name: "veths",
    key: (row) => row.name,
    same: (a, b) => a.endpoint === b.endpoint && a.mac === b.mac,
    operations: {
      async update(rows) {
        const made = await Promise.allSettled(rows.map(ensure));
        const failed = made.find(({ status }) => status === "rejected");
        if (failed?.status === "rejected") throw failed.reason;
      },
      async remove(rows) {
        await Promise.all(rows.map(({ name }) => kernel.deleteLink(name)));
      },
      async prune(desired) {
        const wanted = new Set(desired.map(({ name }) => name));
        const ours = (await kernel.listLinks()).filter(
          ({ name, alias }) => names.linkNumber(name) !== undefined && readAlias(alias) !== undefined,
        );
        await Promise.all(ours.filter(({ name }) => !wanted.has(name)).map(({ name }) => kernel.deleteLink(name)));
      },
    },
  };
}

/** A kernel without IPv6 has no such settings and takes no such address; endpoints with IPv6 addresses are refused by their routes. */
async function ignoringAbsence(step: Promise<void>): Promise<void> {
  await step.catch(() => undefined);
}
