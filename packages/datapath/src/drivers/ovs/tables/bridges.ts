import type { IpAddress } from "@holdfast/core";
import type { Kernel } from "@holdfast/netlink";
import type { BridgeOptions, OpenVSwitch } from "@holdfast/ovsdb";
import type { TableDefinition } from "../../../reconcile/operations.ts";
import type { OvsSettings } from "../options.ts";
import { LOCAL_HARDWARE_ADDRESS, OWNER } from "../ownership.ts";
import { FixedPort } from "../pipeline/layout.ts";
import { UplinkBridgePort } from "../pipeline/uplink-bridge.ts";

/** A bridge with the ports that join it to others. */
export interface BridgeRow {
  readonly options: BridgeOptions;
  /** Put on its local port. */
  readonly address?: { readonly address: IpAddress; readonly length: number };
  /** The physical interface among its ports. */
  readonly uplink?: string;
}

/** The bridges that these settings ask for. */
export function bridgeRows(settings: OvsSettings): readonly BridgeRow[] {
  const { names, datapathType, node, uplink, tunnel } = settings;
  const patch = (name: string, peer: string, ofportRequest: number) => ({
    name,
    interface: { type: "patch", options: { peer }, ofportRequest },
    externalIds: { [OWNER]: node },
  });
  const vxlan = {
    name: names.tunnel,
    interface: {
      type: "vxlan",
      options: { key: "flow", remote_ip: "flow", local_ip: tunnel?.address ?? "" },
      ofportRequest: FixedPort.tunnel,
    },
    externalIds: { [OWNER]: node },
  };
  const integration: BridgeOptions = {
    name: names.integration,
    datapathType,
    failMode: "secure",
    externalIds: { [OWNER]: node },
    // A fixed one: else the switch takes the lowest of its ports' and changes it when interfaces come and go.
    otherConfig: { hwaddr: LOCAL_HARDWARE_ADDRESS },
    ports: [
      ...(uplink === undefined ? [] : [patch(names.patchToUplink, names.patchToIntegration, FixedPort.uplink)]),
      ...(tunnel === undefined ? [] : [vxlan]),
    ],
  };
  if (uplink === undefined) return [{ options: integration }];
  const outer: BridgeOptions = {
    name: names.uplinkBridge,
    datapathType,
    // The machine itself may talk through this bridge, also before an agent has started.
    failMode: "standalone",
    externalIds: { [OWNER]: node },
    ports: [
      patch(names.patchToIntegration, names.patchToUplink, UplinkBridgePort.integration),
      { name: uplink, interface: { ofportRequest: UplinkBridgePort.uplink }, externalIds: { [OWNER]: node } },
    ],
  };
  return [{ options: integration }, { options: outer, uplink, ...(tunnel === undefined ? {} : { address: tunnel }) }];
}

export function bridgeTable(
  { kernel, ovs }: { readonly kernel: Kernel; readonly ovs: OpenVSwitch },
  settings: OvsSettings,
): TableDefinition<BridgeRow> {
  const configure = async (row: BridgeRow): Promise<void> => {
    if (row.uplink !== undefined && settings.datapathType === "netdev") await kernel.disableOffloads(row.uplink);
    if (row.uplink !== undefined) await kernel.setLink(row.uplink, { up: true });
    if (row.address === undefined) return;
    const link = row.options.name;
    await kernel.setLink(link, { up: true });
    await kernel.replaceAddress({ link, ...row.address });
  };
  return {
    name: "bridges",
    key: (row) => row.options.name,
    same: (a, b) => JSON.stringify(a) === JSON.stringify(b),
    operations: {
      async update(rows, signal) {
        const sequence = await ovs.commit(() => rows.flatMap((row) => ovs.addBridge(row.options)), signal);
        await ovs.configured(sequence, signal);
        for (const row of rows) await configure(row);
      },
      async remove(rows, signal) {
        await ovs.commit(() => rows.flatMap((row) => ovs.deleteBridge(row.options.name)), signal);
      },
      async prune(desired, signal) {
        const wanted = new Set(desired.map((row) => row.options.name));
        await ovs.commit(
          () =>
            [...ovs.bridges().values()]
              .filter((bridge) => bridge.externalIds.get(OWNER) === settings.node && !wanted.has(bridge.name))
              .flatMap((bridge) => ovs.deleteBridge(bridge.name)),
          signal,
        );
      },
    },
  };
}
