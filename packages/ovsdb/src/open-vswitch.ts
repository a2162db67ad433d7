import { assert, HoldfastError } from "@holdfast/core";
import { type BridgeRow, bridgeRow, type InterfaceRow, interfaceRow, portRow, switchRow } from "./open-vswitch-rows.ts";
import {
  addBridge,
  addPort,
  type BridgeOptions,
  bumpNextCfg,
  deleteBridge,
  deletePort,
  type ExternalIdsChange,
  type PortOptions,
  type SwitchView,
  setExternalIds,
} from "./open-vswitch-transactions.ts";
import type { OvsdbClient, OvsdbOperation, Row } from "./ovsdb.ts";
import { isConflict } from "./transaction.ts";

/** How often a change is built again because somebody else changed the same rows meanwhile. */
const MOST_ATTEMPTS = 10;

/**
 * A switch's configuration: what it is, as typed rows, and how to change it.
 *
 * The functions that change something only give operations; several may be joined. {@link OpenVSwitch.commit} sends them:
 *
 *     const sequence = await ovs.commit(() => ovs.addPort({ bridge: "br-int", name: "hf0a1", tag: 100 }), signal);
 *     const { ofport } = await ovs.portReady("hf0a1", signal, sequence);
 */
export interface OpenVSwitch extends SwitchView {
  addBridge(options: BridgeOptions): readonly OvsdbOperation[];
  deleteBridge(name: string): readonly OvsdbOperation[];
  addPort(options: PortOptions & { readonly bridge: string }): readonly OvsdbOperation[];
  deletePort(name: string): readonly OvsdbOperation[];
  setExternalIds(change: ExternalIdsChange): readonly OvsdbOperation[];

  /**
   * Carries out what `build` gives as one transaction and counts `next_cfg` up with it; nothing is sent when there is nothing
   * to do. `build` is asked again, from a newer cache, when others have changed the same rows. Gives the `next_cfg` to wait
   * for; once it resolves, the cache has the change.
   *
   * @throws HoldfastError what `build` throws; as {@link OvsdbClient.transact}.
   */
  commit(build: () => readonly OvsdbOperation[], signal: AbortSignal): Promise<number>;

  /** Waits until ovs-vswitchd has put the configuration with this `next_cfg` into force. @throws the signal's reason. */
  configured(sequence: number, signal: AbortSignal): Promise<void>;

  /**
   * Waits until the interface of that name has an OpenFlow port number. With `sequence`, number and error count only once
   * ovs-vswitchd has come to that configuration: before, they are those of an earlier one, or of before a reboot.
   *
   * @throws HoldfastError `switch_rejected` with ovs-vswitchd's words when it could not add it; the signal's reason.
   */
  portReady(name: string, signal: AbortSignal, sequence?: number): Promise<InterfaceRow & { readonly ofport: number }>;
}

/** Over a client that monitors {@link OPEN_VSWITCH_MONITORS}. */
export function createOpenVSwitch(client: OvsdbClient): OpenVSwitch {
  const view = createView(client);

  const commit = async (build: () => readonly OvsdbOperation[], signal: AbortSignal): Promise<number> => {
    for (let attempt = 1; ; attempt++) {
      const isStale = staleness(client);
      const operations = build();
      const root = view.root();
      if (operations.length === 0) return root.nextCfg;
      try {
        const results = await client.transact([...operations, ...bumpNextCfg(root)], signal);
        const sequence = results.at(-1)?.rows?.[0]?.columns.next_cfg;
        assert(typeof sequence === "number", "the last operation selects next_cfg");
        return sequence;
      } catch (error) {
        if (!isConflict(error) || attempt === MOST_ATTEMPTS) throw error;
        await client.until(() => isStale() || undefined, signal);
      }
    }
  };

  return {
    ...view,
    addBridge: (options) => addBridge(view, options),
    deleteBridge: (name) => deleteBridge(view, name),
    addPort: (options) => addPort(view, options),
    deletePort: (name) => deletePort(view, name),
    setExternalIds: (change) => setExternalIds(view, change),
    commit,
    configured: (sequence, signal) =>
      client.until(() => (view.root().curCfg >= sequence ? null : undefined), signal).then(() => undefined),
    portReady: (name, signal, sequence = 0) =>
      client.until(() => {
        if (view.root().curCfg < sequence) return undefined;
        const row = view.interfaces().get(name);
        if (row?.ofport !== undefined && row.ofport > 0) return { ...row, ofport: row.ofport };
        if (row?.error !== undefined) throw portRefused(name, row.error);
        return undefined;
      }, signal),
  };
}

/** Each view is computed once per state of its table, and a row once in its life. */
function createView(client: OvsdbClient): SwitchView {
  const bridges = memo(byName(bridgeRow));
  const ports = memo(byName(portRow));
  const interfaces = memo(byName(interfaceRow));
  const owners = memo(
    (rows: ReadonlyMap<string, BridgeRow>) =>
      new Map(rows.values().flatMap((bridge) => bridge.ports.map((port) => [port, bridge] as const))),
  );
  const root = memo(switchRow);
  const view: SwitchView = {
    root() {
      const [row] = client.table("Open_vSwitch").values();
      if (row === undefined) {
        throw new HoldfastError("unavailable", "the switch's database is empty; run `ovs-vsctl init` first");
      }
      return root(row);
    },
    bridges: () => bridges(client.table("Bridge")),
    ports: () => ports(client.table("Port")),
    interfaces: () => interfaces(client.table("Interface")),
    bridgeOf: (port) => owners(view.bridges()).get(view.ports().get(port)?.uuid ?? ""),
  };
  return view;
}

function byName<T extends { readonly name: string }>(read: (row: Row) => T) {
  const typed = memo(read);
  return (rows: ReadonlyMap<string, Row>): ReadonlyMap<string, T> =>
    new Map(
      rows.values().map((row) => {
        const value = typed(row);
        return [value.name, value] as const;
      }),
    );
}

function memo<K extends object, V>(compute: (key: K) => V): (key: K) => V {
  const known = new WeakMap<K, V>();
  return (key) => {
    const value = known.get(key) ?? compute(key);
    known.set(key, value);
    return value;
  };
}

/** Whether any table has changed since this call. */
function staleness(client: OvsdbClient): () => boolean {
  const tables = ["Open_vSwitch", "Bridge", "Port", "Interface"] as const;
  const before = tables.map((name) => client.table(name));
  return () => tables.some((name, index) => client.table(name) !== before[index]);
}

function portRefused(name: string, error: string): HoldfastError {
  return new HoldfastError("switch_rejected", `the switch cannot add interface ${name}: ${error}`, {
    details: { interface: name, error },
  });
}
