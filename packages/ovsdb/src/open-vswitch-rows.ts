import { assert } from "@holdfast/core";
import type { MonitorRequest } from "./monitor.ts";
import type { Atom, Row, Value } from "./ovsdb.ts";

/** Rows of the database `Open_vSwitch` as typed values; the words are those of ovs-vswitchd.conf.db(5). */

/** What the database has once. */
export interface SwitchRow {
  readonly uuid: string;
  /** E.g. `"3.1.0"`; absent until ovs-vswitchd has started once, unless the distribution writes it. */
  readonly version?: string;
  /** Counted up by whoever changes the configuration and wants to know when it is in force. */
  readonly nextCfg: number;
  /** The `nextCfg` that ovs-vswitchd has put into force. */
  readonly curCfg: number;
  /** What `datapath_type` may be, e.g. `["netdev", "system"]`; says nothing about the kernel's module. */
  readonly datapathTypes: readonly string[];
  /** What an interface's `type` may be, e.g. `["internal", "vxlan"]`. */
  readonly interfaceTypes: readonly string[];
  readonly externalIds: ReadonlyMap<string, string>;
  readonly otherConfig: ReadonlyMap<string, string>;
}

export type FailMode = "standalone" | "secure";

export interface BridgeRow {
  readonly uuid: string;
  readonly name: string;
  /** `"system"` (the kernel's), `"netdev"` (user space) or `""`, which means `"system"`. */
  readonly datapathType: string;
  /** 16 hexadecimal digits; absent until ovs-vswitchd has made the bridge. */
  readonly datapathId?: string;
  /** Absent means `standalone`: a learning switch while no controller is connected. */
  readonly failMode?: FailMode;
  /** OpenFlow versions, e.g. `["OpenFlow14"]`; none means the switch's default. */
  readonly protocols: readonly string[];
  /** UUIDs of its ports. */
  readonly ports: readonly string[];
  readonly externalIds: ReadonlyMap<string, string>;
  readonly otherConfig: ReadonlyMap<string, string>;
}

export type VlanMode = "trunk" | "access" | "native-tagged" | "native-untagged" | "dot1q-tunnel";

export interface PortRow {
  readonly uuid: string;
  readonly name: string;
  /** UUIDs; more than one is a bond. */
  readonly interfaces: readonly string[];
  /** 0 to 4095; absent: no access VLAN. */
  readonly tag?: number;
  /** None means all VLANs when the port is a trunk. */
  readonly trunks: readonly number[];
  readonly vlanMode?: VlanMode;
  readonly externalIds: ReadonlyMap<string, string>;
  readonly otherConfig: ReadonlyMap<string, string>;
}

export interface InterfaceRow {
  readonly uuid: string;
  /** Of the network device, except for tunnels. */
  readonly name: string;
  /** `""` for a device that exists already, else e.g. `"internal"`, `"vxlan"`, `"patch"`. */
  readonly type: string;
  readonly options: ReadonlyMap<string, string>;
  /** OpenFlow port number, 1 to 65279, 65534 for the bridge's local port; -1: could not be added; absent: not yet looked at. */
  readonly ofport?: number;
  readonly ofportRequest?: number;
  /** Why ovs-vswitchd could not add it. */
  readonly error?: string;
  /** Asked for; only of internal interfaces. */
  readonly mac?: string;
  readonly macInUse?: string;
  /** Bytes. */
  readonly mtu?: number;
  readonly mtuRequest?: number;
  readonly ifindex?: number;
  readonly adminState?: "up" | "down";
  readonly linkState?: "up" | "down";
  readonly externalIds: ReadonlyMap<string, string>;
}

/** What {@link createOpenVSwitch} needs to be monitored: configuration and state, without the statistics that change each second. */
export const OPEN_VSWITCH_MONITORS: readonly MonitorRequest[] = [
  {
    table: "Open_vSwitch",
    columns: [
      "ovs_version",
      "next_cfg",
      "cur_cfg",
      "bridges",
      "datapath_types",
      "iface_types",
      "external_ids",
      "other_config",
    ],
  },
  {
    table: "Bridge",
    columns: [
      "name",
      "datapath_type",
      "datapath_id",
      "fail_mode",
      "protocols",
      "ports",
      "external_ids",
      "other_config",
    ],
  },
  {
    table: "Port",
    columns: ["name", "interfaces", "tag", "trunks", "vlan_mode", "external_ids", "other_config"],
  },
  {
    table: "Interface",
    columns: [
      "name",
      "type",
      "options",
      "ofport",
      "ofport_request",
      "error",
      "mac",
      "mac_in_use",
      "mtu",
      "mtu_request",
      "ifindex",
      "admin_state",
      "link_state",
      "external_ids",
    ],
  },
];

export function switchRow({ uuid, columns }: Row): SwitchRow {
  return {
    uuid,
    ...optional("version", columns.ovs_version),
    nextCfg: columns.next_cfg as number,
    curCfg: columns.cur_cfg as number,
    datapathTypes: columns.datapath_types as readonly string[],
    interfaceTypes: columns.iface_types as readonly string[],
    externalIds: texts(columns.external_ids),
    otherConfig: texts(columns.other_config),
  };
}

export function bridgeRow({ uuid, columns }: Row): BridgeRow {
  return {
    uuid,
    name: columns.name as string,
    datapathType: columns.datapath_type as string,
    ...optional("datapathId", columns.datapath_id),
    ...optional("failMode", columns.fail_mode),
    protocols: columns.protocols as readonly string[],
    ports: references(columns.ports),
    externalIds: texts(columns.external_ids),
    otherConfig: texts(columns.other_config),
  };
}

export function portRow({ uuid, columns }: Row): PortRow {
  return {
    uuid,
    name: columns.name as string,
    interfaces: references(columns.interfaces),
    ...optional("tag", columns.tag),
    trunks: columns.trunks as readonly number[],
    ...optional("vlanMode", columns.vlan_mode),
    externalIds: texts(columns.external_ids),
    otherConfig: texts(columns.other_config),
  };
}

export function interfaceRow({ uuid, columns }: Row): InterfaceRow {
  return {
    uuid,
    name: columns.name as string,
    type: columns.type as string,
    options: texts(columns.options),
    ...optional("ofport", columns.ofport),
    ...optional("ofportRequest", columns.ofport_request),
    ...optional("error", columns.error),
    ...optional("mac", columns.mac),
    ...optional("macInUse", columns.mac_in_use),
    ...optional("mtu", columns.mtu),
    ...optional("mtuRequest", columns.mtu_request),
    ...optional("ifindex", columns.ifindex),
    ...optional("adminState", columns.admin_state),
    ...optional("linkState", columns.link_state),
    externalIds: texts(columns.external_ids),
  };
}

/** A column of at most one as a property that is there or not. `never` fits each property: the schema, not we, gives the type. */
function optional<K extends string>(name: K, value: Value | undefined): { readonly [key in K]?: never } {
  const [atom] = value as readonly Atom[];
  const property: Readonly<Record<string, unknown>> = atom === undefined ? {} : { [name]: atom };
  return property as { readonly [key in K]?: never };
}

function texts(value: Value | undefined): ReadonlyMap<string, string> {
  assert(value instanceof Map, "the column is a map");
  return value as ReadonlyMap<string, string>;
}

function references(value: Value | undefined): readonly string[] {
  return (value as readonly Atom[]).map((atom) => (typeof atom === "object" ? atom.uuid : ""));
}
