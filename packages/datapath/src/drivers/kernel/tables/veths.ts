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
  readonly hostMac: MacAddress;
  readonly peer: string;
  readonly endpoint: string;
  readonly mac: MacAddress;
  /** Bytes, when it is made: what the sandbox has got is its own. */
  readonly mtu: number;
  /** Where the peer is made; absent: here. */
  readonly sandbox?: string;
  /** Its endpoint has IPv6 addresses, whose gateway is on each link; absent: the link has no IPv6. */
  readonly v6?: true;
}

interface VethDependencies {
  readonly kernel: Kernel;
  readonly host: HostTools;
  /** Names of interfaces that may be made: one that has vanished is never made again, nobody would have the new one. */
  readonly creatable: ReadonlySet<string>;
}

export function vethTable({ kernel, host, creatable }: VethDependencies, names: LinkNames): TableDefinition<VethRow> {
  /** All that is not in the message that makes the link. Again: what is missing is made good. */
  const finish = async ({ name, v6 }: VethRow, isUp: boolean, age?: "new"): Promise<void> => {
    const [setting, value] = v6 ? ["accept_ra", "0"] : ["disable_ipv6", "1"];
    await ignoringAbsence(host.setSysctl(`net.ipv6.conf.${name}.${setting}`, value, age));
    if (!isUp) await kernel.apply([{ kind: "up", link: name }]);
    if (v6) await ignoringAbsence(kernel.replaceAddress({ link: name, address: GATEWAY.v6, length: 64 }));
  };
  const create = async (row: VethRow): Promise<void> => {
    const { name, hostMac, peer, endpoint, mac, mtu, sandbox, v6 } = row;
    const place = sandbox === undefined ? {} : { peerNamespace: sandbox };
    // Without IPv6 the kernel does nothing by itself that would have to be forbidden first: there is no carrier before the other end is up.
    const up = v6 === undefined;
    await kernel.createVeth({
      name,
      mac: hostMac,
      peer,
      peerMac: mac,
      mtu,
      alias: endpointAlias(endpoint),
      up,
      ipv4: {
        // The kernel's own guard against forged sources; a second one, for both families, is in the firewall.
        rp_filter: 1,
        // The machine may ask for its published ports by its loopback; endpoints may not, which the firewall sees to.
        route_localnet: 1,
      },
      ...place,
    });
    try {
      await finish(row, up, "new");
    } catch (error) {
      await kernel.deleteLink(name);
      throw error;
    }
  };
  const ensure = async (row: VethRow): Promise<void> => {
    // One that is there already is taken as it is when it is what is wanted.
    if (creatable.has(row.name)) return await create(row);
    const present = await kernel.getLink(row.name);
    if (present === undefined) {
      const text = `interface ${row.name} of endpoint ${row.endpoint} is gone; detach the endpoint`;
      throw new HoldfastError("not_found", text);
    }
    // Whoever made it may not have come to the end of it.
    await finish(row, present.up);
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
