/** The part of vswitch.ovsschema 8.3.1 that the fake switch has, in the notation of RFC 7047 section 3.2. */

const TEXT_MAP = { type: { key: "string", value: "string", min: 0, max: "unlimited" } };
const OPTIONAL_TEXT = { type: { key: "string", min: 0, max: 1 } };
const OPTIONAL_INTEGER = { type: { key: "integer", min: 0, max: 1 } };
const TEXTS = { type: { key: "string", min: 0, max: "unlimited" } };
const NAME = { type: "string", mutable: false };
const UP_OR_DOWN = { type: { key: { type: "string", enum: ["set", ["up", "down"]] }, min: 0, max: 1 } };

const references = (refTable: string, min: 0 | 1): ColumnJson => ({
  type: { key: { type: "uuid", refTable }, min, max: "unlimited" },
});
const vlans = (max: number): ColumnJson => ({
  type: { key: { type: "integer", minInteger: 0, maxInteger: 4095 }, min: 0, max },
});
const optionalWord = (...words: string[]): ColumnJson => ({
  type: { key: { type: "string", enum: ["set", words] }, min: 0, max: 1 },
});

/** What the fakes read of a schema; `type` as on the wire. */
export interface SchemaJson {
  readonly name: string;
  readonly version: string;
  readonly tables: Readonly<Record<string, TableJson>>;
}

export interface TableJson {
  readonly isRoot?: boolean;
  readonly maxRows?: number;
  readonly indexes?: readonly (readonly string[])[];
  readonly columns: Readonly<Record<string, ColumnJson>>;
}

export interface ColumnJson {
  readonly mutable?: boolean;
  readonly type: unknown;
}

export const FAKE_SCHEMA: SchemaJson = {
  name: "Open_vSwitch",
  version: "8.3.1",
  tables: {
    Open_vSwitch: {
      isRoot: true,
      maxRows: 1,
      columns: {
        bridges: references("Bridge", 0),
        other_config: TEXT_MAP,
        external_ids: TEXT_MAP,
        next_cfg: { type: "integer" },
        cur_cfg: { type: "integer" },
        ovs_version: OPTIONAL_TEXT,
        datapath_types: TEXTS,
        iface_types: TEXTS,
      },
    },
    Bridge: {
      indexes: [["name"]],
      columns: {
        name: NAME,
        datapath_type: { type: "string" },
        datapath_id: OPTIONAL_TEXT,
        fail_mode: optionalWord("standalone", "secure"),
        protocols: {
          type: {
            key: {
              type: "string",
              enum: ["set", ["OpenFlow10", "OpenFlow11", "OpenFlow12", "OpenFlow13", "OpenFlow14", "OpenFlow15"]],
            },
            min: 0,
            max: "unlimited",
          },
        },
        ports: references("Port", 0),
        other_config: TEXT_MAP,
        external_ids: TEXT_MAP,
      },
    },
    Port: {
      indexes: [["name"]],
      columns: {
        name: NAME,
        interfaces: references("Interface", 1),
        tag: vlans(1),
        trunks: vlans(4096),
        vlan_mode: optionalWord("trunk", "access", "native-tagged", "native-untagged", "dot1q-tunnel"),
        other_config: TEXT_MAP,
        external_ids: TEXT_MAP,
      },
    },
    Interface: {
      indexes: [["name"]],
      columns: {
        name: NAME,
        type: { type: "string" },
        options: TEXT_MAP,
        ofport: OPTIONAL_INTEGER,
        ofport_request: { type: { key: { type: "integer", minInteger: 1, maxInteger: 65279 }, min: 0, max: 1 } },
        error: OPTIONAL_TEXT,
        mac: OPTIONAL_TEXT,
        mac_in_use: OPTIONAL_TEXT,
        mtu: OPTIONAL_INTEGER,
        mtu_request: { type: { key: { type: "integer", minInteger: 1 }, min: 0, max: 1 } },
        ifindex: OPTIONAL_INTEGER,
        admin_state: UP_OR_DOWN,
        link_state: UP_OR_DOWN,
        external_ids: TEXT_MAP,
      },
    },
  },
};
