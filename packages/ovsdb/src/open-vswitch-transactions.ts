import { HoldfastError } from "@holdfast/core";
import type { BridgeRow, FailMode, InterfaceRow, PortRow, SwitchRow, VlanMode } from "./open-vswitch-rows.ts";
import {
  absent,
  changeRow,
  mutate,
  present,
  reference,
  some,
  type Texts,
  textMap,
  textMutations,
} from "./operations.ts";
import type { NamedRef, OvsdbOperation, Value } from "./ovsdb.ts";

/** The switch's configuration as the cache has it, which the operations start from. */
export interface SwitchView {
  root(): SwitchRow;
  bridges(): ReadonlyMap<string, BridgeRow>;
  ports(): ReadonlyMap<string, PortRow>;
  interfaces(): ReadonlyMap<string, InterfaceRow>;
  /** The bridge that has the port; undefined when there is no such port. */
  bridgeOf(port: string): BridgeRow | undefined;
}

export interface InterfaceOptions {
  /** Default: the port's name. */
  readonly name?: string;
  /** Default `""`: a network device that exists, or will. */
  readonly type?: string;
  /** Of tunnels and patches, e.g. `{ remote_ip: "flow", key: "flow" }`. Exactly these. */
  readonly options?: Texts;
  /** 1 to 65279; the switch gives another number when this one is taken. Absent: any. */
  readonly ofportRequest?: number;
  /** Of internal interfaces, but for a bridge's local port. */
  readonly mac?: string;
  /** Bytes, of internal interfaces. */
  readonly mtuRequest?: number;
  /** Set beside what others have put there. */
  readonly externalIds?: Texts;
}

/** A port with its one interface. What is absent is empty in the switch, too. */
export interface PortOptions {
  readonly name: string;
  /** Access VLAN, or the native one, by `vlanMode`. */
  readonly tag?: number;
  readonly trunks?: readonly number[];
  readonly vlanMode?: VlanMode;
  readonly interface?: InterfaceOptions;
  /** Set beside what others have put there. */
  readonly externalIds?: Texts;
}

export interface BridgeOptions {
  readonly name: string;
  /** `"netdev"` (user space) or `"system"` (the kernel's). */
  readonly datapathType: "netdev" | "system";
  readonly failMode?: FailMode;
  readonly protocols?: readonly string[];
  /** Both set beside what others have put there. */
  readonly externalIds?: Texts;
  readonly otherConfig?: Texts;
  /** Of the internal interface that has the bridge's name. */
  readonly local?: Omit<InterfaceOptions, "name" | "type" | "options" | "mac">;
  /** Of the bridge and its local port, kept in `other_config:hwaddr`. Absent: the switch's choice. */
  readonly mac?: string;
  /** Further ports that the bridge has from the start. */
  readonly ports?: readonly PortOptions[];
}

/** Operations that give the switch this bridge, or change its bridge of that name; none when all is as wanted. */
export function addBridge(view: SwitchView, options: BridgeOptions): readonly OvsdbOperation[] {
  const { name } = options;
  const ports = options.ports ?? [];
  const local: PortOptions = { name, interface: { ...options.local, type: "internal" } };
  const bridge = view.bridges().get(name);
  if (bridge !== undefined) {
    const members = [local, ...ports].flatMap((port) => addPort(view, { ...port, bridge: name }));
    return [...changeBridge(bridge, options), ...members];
  }
  const created = [local, ...ports].map((port) => insertPort(view, port));
  return [
    absent("Bridge", name),
    ...created.flatMap(({ operations }) => operations),
    {
      op: "insert",
      table: "Bridge",
      named: reference("bridge", name).named,
      row: {
        name,
        ...bridgeColumns(options),
        ports: created.map(({ port }) => port),
        external_ids: textMap(options.externalIds),
        other_config: textMap(otherConfig(options)),
      },
    },
    mutate("Open_vSwitch", view.root().uuid, [["bridges", "insert", [reference("bridge", name)]]]),
  ];
}

/** Operations that remove a bridge with its ports, which nothing refers to any more; none when there is no such bridge. */
export function deleteBridge(view: SwitchView, name: string): readonly OvsdbOperation[] {
  const bridge = view.bridges().get(name);
  if (bridge === undefined) return [];
  return [mutate("Open_vSwitch", view.root().uuid, [["bridges", "delete", [{ uuid: bridge.uuid }]]])];
}

/**
 * Operations that give the bridge this port, or change its port of that name; none when all is as wanted.
 *
 * @throws HoldfastError `not_found` without the bridge; `already_exists` when another bridge has a port, or another port an
 * interface, of that name.
 */
export function addPort(
  view: SwitchView,
  options: PortOptions & { readonly bridge: string },
): readonly OvsdbOperation[] {
  const bridge = view.bridges().get(options.bridge);
  if (bridge === undefined) throw new HoldfastError("not_found", `the switch has no bridge ${options.bridge}`);
  const port = view.ports().get(options.name);
  if (port !== undefined) return changePort(view, { bridge, port }, options);
  const { operations, port: created } = insertPort(view, options);
  return [present("Bridge", bridge), ...operations, mutate("Bridge", bridge.uuid, [["ports", "insert", [created]]])];
}

/**
 * Operations that remove a port with its interfaces; none when there is no such port.
 *
 * @throws HoldfastError `invalid_argument` for a bridge's local port, which goes with its bridge.
 */
export function deletePort(view: SwitchView, name: string): readonly OvsdbOperation[] {
  const port = view.ports().get(name);
  const bridge = view.bridgeOf(name);
  if (port === undefined || bridge === undefined) return [];
  if (bridge.name === name) {
    throw new HoldfastError("invalid_argument", `${name} is the local port of its bridge; delete the bridge`);
  }
  return [mutate("Bridge", bridge.uuid, [["ports", "delete", [{ uuid: port.uuid }]]])];
}

export interface ExternalIdsChange {
  readonly table: "Open_vSwitch" | "Bridge" | "Port" | "Interface";
  /** Not looked at for `Open_vSwitch`, which has one row. */
  readonly name?: string;
  /** Keys that are not named here stay as they are; undefined removes one. */
  readonly set: Readonly<Record<string, string | undefined>>;
}

/**
 * Operations that change `external_ids` of one row; none when they are as wanted.
 *
 * @throws HoldfastError `not_found` without that row.
 */
export function setExternalIds(view: SwitchView, { table, name, set }: ExternalIdsChange): readonly OvsdbOperation[] {
  const row = findRow(view, table, name ?? "");
  if (row === undefined) throw new HoldfastError("not_found", `the switch has no ${table} ${name}`);
  const mutations = textMutations("external_ids", row.externalIds, set);
  if (mutations.length === 0) return [];
  const guard = table === "Open_vSwitch" ? [] : [present(table, { uuid: row.uuid, name: name ?? "" })];
  return [...guard, mutate(table, row.uuid, mutations)];
}

/** As ovs-vsctl does: tells ovs-vswitchd to answer when it has come here, and gives the number it will answer with. */
export function bumpNextCfg(root: SwitchRow): readonly OvsdbOperation[] {
  const where = [["_uuid", "==", { uuid: root.uuid }]] as const;
  return [
    mutate("Open_vSwitch", root.uuid, [["next_cfg", "+=", 1]]),
    { op: "select", table: "Open_vSwitch", where, columns: ["next_cfg"] },
  ];
}

function findRow(
  view: SwitchView,
  table: ExternalIdsChange["table"],
  name: string,
): { uuid: string; externalIds: ReadonlyMap<string, string> } | undefined {
  switch (table) {
    case "Open_vSwitch":
      return view.root();
    case "Bridge":
      return view.bridges().get(name);
    case "Port":
      return view.ports().get(name);
    case "Interface":
      return view.interfaces().get(name);
  }
}

function insertPort(view: SwitchView, options: PortOptions): { operations: OvsdbOperation[]; port: NamedRef } {
  const { name } = options;
  const interfaceName = options.interface?.name ?? name;
  const owner = view.bridgeOf(name)?.name;
  if (owner !== undefined) throw onOtherBridge(name, owner);
  if (view.interfaces().has(interfaceName)) {
    throw new HoldfastError("already_exists", `interface ${interfaceName} belongs to another port of the switch`);
  }
  const port = reference("port", name);
  const member = reference("interface", interfaceName);
  const operations: OvsdbOperation[] = [
    absent("Port", name),
    absent("Interface", interfaceName),
    {
      op: "insert",
      table: "Interface",
      named: member.named,
      row: {
        name: interfaceName,
        ...interfaceColumns(options.interface ?? {}),
        external_ids: textMap(options.interface?.externalIds),
      },
    },
    {
      op: "insert",
      table: "Port",
      named: port.named,
      row: { name, interfaces: [member], ...portColumns(options), external_ids: textMap(options.externalIds) },
    },
  ];
  return { operations, port };
}

function changeBridge(bridge: BridgeRow, options: BridgeOptions): readonly OvsdbOperation[] {
  return changeRow("Bridge", bridge, {
    current: {
      datapath_type: bridge.datapathType,
      fail_mode: some(bridge.failMode),
      protocols: bridge.protocols,
    },
    wanted: bridgeColumns(options),
    mutations: [
      ...textMutations("external_ids", bridge.externalIds, options.externalIds ?? {}),
      ...textMutations("other_config", bridge.otherConfig, otherConfig(options)),
    ],
  });
}

function changePort(
  view: SwitchView,
  { bridge, port }: { bridge: BridgeRow; port: PortRow },
  options: PortOptions,
): readonly OvsdbOperation[] {
  const owner = view.bridgeOf(port.name)?.name ?? "";
  if (owner !== bridge.name) throw onOtherBridge(port.name, owner);
  const wanted = options.interface ?? {};
  const member = view.interfaces().get(wanted.name ?? port.name);
  if (member === undefined || port.interfaces.length !== 1 || port.interfaces[0] !== member.uuid) {
    throw new HoldfastError("already_exists", `port ${port.name} exists with other interfaces; delete it first`);
  }
  const ofPort = changeRow("Port", port, {
    current: { tag: some(port.tag), trunks: port.trunks, vlan_mode: some(port.vlanMode) },
    wanted: portColumns(options),
    mutations: textMutations("external_ids", port.externalIds, options.externalIds ?? {}),
  });
  const ofInterface = changeRow("Interface", member, {
    current: {
      type: member.type,
      options: member.options,
      ofport_request: some(member.ofportRequest),
      mac: some(member.mac),
      mtu_request: some(member.mtuRequest),
    },
    wanted: interfaceColumns(wanted),
    mutations: textMutations("external_ids", member.externalIds, wanted.externalIds ?? {}),
  });
  return [...ofPort, ...ofInterface];
}

function bridgeColumns(options: BridgeOptions): Readonly<Record<string, Value>> {
  return {
    datapath_type: options.datapathType,
    fail_mode: some(options.failMode),
    protocols: options.protocols ?? [],
  };
}

/** The switch takes a local port's MAC from the bridge, and ignores the one in the interface's row. */
function otherConfig({ mac, otherConfig: others = {} }: BridgeOptions): Texts {
  return mac === undefined ? others : { ...others, hwaddr: mac };
}

function portColumns({ tag, trunks = [], vlanMode }: PortOptions): Readonly<Record<string, Value>> {
  return { tag: some(tag), trunks, vlan_mode: some(vlanMode) };
}

function interfaceColumns(options: InterfaceOptions): Readonly<Record<string, Value>> {
  return {
    type: options.type ?? "",
    options: textMap(options.options),
    ofport_request: some(options.ofportRequest),
    mac: some(options.mac),
    mtu_request: some(options.mtuRequest),
  };
}

function onOtherBridge(port: string, bridge: string): HoldfastError {
  const message = `bridge ${bridge} of the switch has a port ${port} already; delete it there first`;
  return new HoldfastError("already_exists", message, { details: { bridge } });
}
