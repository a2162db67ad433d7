import type { Atom, Row, Value } from "../ovsdb.ts";
import type { FakeDatabase } from "./fake-database.ts";

/** What `ovs-vsctl show` prints, ordered by name, with an `external_ids` line for rows that have some. */
export function showSwitch(database: FakeDatabase): string {
  const ports = new Map(database.rows("Port").map((row) => [row.uuid, row]));
  const interfaces = new Map(database.rows("Interface").map((row) => [row.uuid, row]));
  const lines: string[] = [];
  const print = (depth: number, text: string): void => void lines.push(`${"    ".repeat(depth)}${text}`);
  const columns = (depth: number, row: Row, names: readonly string[]): void => {
    for (const name of [...names, "external_ids"]) {
      const text = formatValue(row.columns[name] ?? [], name === "trunks");
      if (text !== undefined) print(depth, `${name}: ${text}`);
    }
  };
  const [root] = database.rows("Open_vSwitch");
  if (root === undefined) return "";
  print(0, root.uuid);
  for (const bridge of sorted(database.rows("Bridge"))) {
    print(1, `Bridge ${nameOf(bridge)}`);
    columns(2, bridge, ["fail_mode", "datapath_type"]);
    for (const port of sorted(members(bridge.columns.ports, ports))) {
      print(2, `Port ${nameOf(port)}`);
      columns(3, port, ["tag", "trunks"]);
      for (const each of sorted(members(port.columns.interfaces, interfaces))) {
        print(3, `Interface ${nameOf(each)}`);
        columns(4, each, ["type", "options", "error"]);
      }
    }
  }
  columns(1, root, ["ovs_version"]);
  return lines.join("\n");
}

function members(references: Value | undefined, rows: ReadonlyMap<string, Row>): Row[] {
  return ((references ?? []) as readonly Atom[]).flatMap((atom) =>
    typeof atom === "object" ? (rows.get(atom.uuid) ?? []) : [],
  );
}

function sorted(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => ((a.columns.name as string) < (b.columns.name as string) ? -1 : 1));
}

function nameOf(row: Row): string {
  return formatAtom(row.columns.name as string);
}

/** Undefined for what `show` leaves out: default values. Columns that may have several elements have brackets. */
function formatValue(value: Value, brackets: boolean): string | undefined {
  if (value instanceof Map) {
    const pairs = [...(value as ReadonlyMap<Atom, Atom>)].map(
      ([key, each]) => `${formatAtom(key)}=${formatAtom(each)}`,
    );
    return pairs.length === 0 ? undefined : `{${pairs.toSorted().join(", ")}}`;
  }
  if (!Array.isArray(value)) return value === "" ? undefined : formatAtom(value as Atom);
  const atoms = value as readonly Atom[];
  if (atoms.length === 0) return undefined;
  const text = atoms.map(formatAtom).join(", ");
  return brackets ? `[${text}]` : text;
}

function formatAtom(atom: Atom): string {
  if (typeof atom === "object") return atom.uuid;
  if (typeof atom !== "string") return String(atom);
  return /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(atom) && atom !== "true" && atom !== "false" ? atom : JSON.stringify(atom);
}
