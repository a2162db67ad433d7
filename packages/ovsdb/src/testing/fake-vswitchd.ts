import { encodeRow } from "../notation.ts";
import type { Atom, Row, Value, WireRow } from "../ovsdb.ts";
import type { FakeDatabase } from "./fake-database.ts";

const LOCAL_PORT = 65534;
const KNOWN_TYPES = ["", "system", "internal", "vxlan", "geneve", "gre", "patch", "tap"];

/** What a switch does to its database: numbers ports, gives bridges an id, reports errors, and says how far it has come. */
export function runVswitchd(database: FakeDatabase, deviceExists: (name: string) => boolean): void {
  const operations: unknown[] = [];
  const update = (table: string, row: Row, columns: WireRow): void => {
    const where = [["_uuid", "==", ["uuid", row.uuid]]];
    operations.push({ op: "update", table, where, row: encodeRow(columns) });
  };
  const interfaces = new Map(database.rows("Interface").map((row) => [row.uuid, row]));
  const ports = new Map(database.rows("Port").map((row) => [row.uuid, row]));
  for (const bridge of database.rows("Bridge")) {
    if (only(bridge.columns.datapath_id) === undefined) {
      update("Bridge", bridge, { datapath_id: [bridge.uuid.slice(-12).padStart(16, "0")] });
    }
    const members = uuids(bridge.columns.ports)
      .flatMap((port) => uuids(ports.get(port)?.columns.interfaces))
      .flatMap((uuid) => interfaces.get(uuid) ?? []);
    for (const [row, columns] of numberPorts(bridge, members, deviceExists)) update("Interface", row, columns);
  }
  const [root] = database.rows("Open_vSwitch");
  if (root !== undefined && root.columns.cur_cfg !== root.columns.next_cfg) {
    update("Open_vSwitch", root, { cur_cfg: root.columns.next_cfg ?? 0 });
  }
  if (operations.length > 0) database.transact(operations);
}

function numberPorts(
  bridge: Row,
  members: readonly Row[],
  deviceExists: (name: string) => boolean,
): readonly (readonly [Row, WireRow])[] {
  const taken = new Set(members.map((row) => Number(only(row.columns.ofport) ?? -1)).filter((port) => port > 0));
  return members.flatMap((row) => {
    const name = row.columns.name as string;
    const error = whyNot(name, row.columns.type as string, deviceExists);
    if (error !== undefined) {
      return only(row.columns.error) === error ? [] : [[row, { ofport: [-1], error: [error] }] as const];
    }
    const number = chooseNumber(row, name === bridge.columns.name, taken);
    const current = only(row.columns.ofport);
    if (current === number && only(row.columns.error) === undefined) return [];
    if (typeof current === "number") taken.delete(current);
    taken.add(number);
    return [[row, working(row, number, hardwareAddress(bridge))] as const];
  });
}

function whyNot(name: string, type: string, deviceExists: (name: string) => boolean): string | undefined {
  if (!KNOWN_TYPES.includes(type))
    return `could not open network device ${name} (Address family not supported by protocol)`;
  if ((type === "" || type === "system") && !deviceExists(name)) {
    return `could not open network device ${name} (No such device)`;
  }
  return undefined;
}

function chooseNumber(row: Row, isLocal: boolean, taken: ReadonlySet<number>): number {
  if (isLocal) return LOCAL_PORT;
  const current = only(row.columns.ofport);
  const request = only(row.columns.ofport_request);
  if (typeof request === "number" && (request === current || !taken.has(request))) return request;
  if (typeof current === "number" && current > 0) return current;
  let number = 1;
  while (taken.has(number)) number++;
  return number;
}

function hardwareAddress({ columns: { other_config: config } }: Row): Atom | undefined {
  return config instanceof Map ? (config as ReadonlyMap<Atom, Atom>).get("hwaddr") : undefined;
}

function working(row: Row, number: number, ofBridge: Atom | undefined): WireRow {
  const asked = number === LOCAL_PORT ? ofBridge : only(row.columns.mac);
  const mac = asked ?? `0e:00:${(row.uuid.slice(-8).match(/../g) ?? []).join(":")}`;
  return {
    ofport: [number],
    error: [],
    mac_in_use: [mac],
    mtu: [only(row.columns.mtu_request) ?? 1500],
    admin_state: ["up"],
    link_state: ["up"],
  };
}

function only(value: Value | undefined): Atom | undefined {
  return Array.isArray(value) ? (value as readonly Atom[])[0] : undefined;
}

function uuids(value: Value | undefined): string[] {
  return ((value ?? []) as readonly Atom[]).flatMap((atom) => (typeof atom === "object" ? atom.uuid : []));
}
