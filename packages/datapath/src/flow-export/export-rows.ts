import { flowTargetText } from "@holdfast/model";
import type { OvsdbClient, OvsdbOperation, Row, Value, WireRow } from "@holdfast/ovsdb";
import { OWNER } from "../drivers/ovs/ownership.ts";
import { type FlowExportSettings, HEADER_BYTES } from "./settings.ts";

/** What is followed of the switch's database. */
export const EXPORT_MONITORS = [
  { table: "Open_vSwitch", columns: ["next_cfg", "cur_cfg"] },
  { table: "Bridge", columns: ["name", "external_ids", "sflow"] },
  { table: "sFlow", columns: ["targets", "sampling", "polling", "header", "agent", "external_ids"] },
];

/** What is to be done so that a node's bridges export as they should. */
export interface ExportChange {
  /** Names of the node's bridges that export, or will. */
  readonly bridges: readonly string[];
  /** Those that export as somebody else wants it: they are left alone. */
  readonly foreign: readonly string[];
  /** None: all is as it should be. */
  readonly operations: readonly OvsdbOperation[];
}

/** @param settings undefined: they should not export */
export function exportChange(
  client: OvsdbClient,
  node: string,
  settings: FlowExportSettings | undefined,
): ExportChange {
  const rows = client.table("sFlow");
  const found = [...client.table("Bridge").values()]
    .filter((bridge) => ownerOf(bridge) === node)
    .map((bridge) => ({ bridge, name: bridge.columns.name as string, row: rows.get(referenced(bridge) ?? "") }))
    .sort((a, b) => a.name.localeCompare(b.name));
  const isForeign = ({ row }: { readonly row: Row | undefined }): boolean => row !== undefined && ownerOf(row) !== node;
  const ours = found.filter((one) => !isForeign(one));
  return {
    bridges: ours.map(({ name }) => name),
    foreign: settings === undefined ? [] : found.filter(isForeign).map(({ name }) => name),
    operations: ours.flatMap(({ bridge, row }) =>
      settings === undefined ? withoutExport(bridge, row) : withExport(bridge, row, wantedRow(node, settings)),
    ),
  };
}

function withExport(bridge: Row, row: Row | undefined, wanted: WireRow): readonly OvsdbOperation[] {
  if (row === undefined) {
    const named = `export_${bridge.uuid.replaceAll("-", "")}`;
    return [
      { op: "insert", table: "sFlow", named, row: wanted },
      // Nobody else has given it one meanwhile.
      unchanged(bridge),
      { op: "update", table: "Bridge", where: byUuid(bridge), row: { sflow: [{ named }] } },
    ];
  }
  const differs = Object.entries(wanted).some(
    ([column, value]) => textOf(row.columns[column]) !== textOf(value as Value),
  );
  return differs ? [{ op: "update", table: "sFlow", where: byUuid(row), row: wanted }] : [];
}

/** What nobody refers to any more, the database removes by itself. */
function withoutExport(bridge: Row, row: Row | undefined): readonly OvsdbOperation[] {
  if (row === undefined) return [];
  return [unchanged(bridge), { op: "update", table: "Bridge", where: byUuid(bridge), row: { sflow: [] } }];
}

function unchanged(bridge: Row): OvsdbOperation {
  const rows = [{ sflow: bridge.columns.sflow ?? [] }];
  return { op: "wait", table: "Bridge", where: byUuid(bridge), columns: ["sflow"], until: "==", rows };
}

function wantedRow(node: string, { targets, sampling, pollingSeconds, agent }: FlowExportSettings): WireRow {
  return {
    targets: targets.map(flowTargetText),
    sampling: [sampling],
    polling: [pollingSeconds],
    header: [HEADER_BYTES],
    agent: [agent],
    external_ids: new Map([[OWNER, node]]),
  };
}

function byUuid({ uuid }: Row) {
  return [["_uuid", "==", { uuid }]] as const;
}

function ownerOf({ columns }: Row): string | undefined {
  const ids = columns.external_ids;
  return ids instanceof Map ? (ids.get(OWNER) as string | undefined) : undefined;
}

function referenced({ columns }: Row): string | undefined {
  const [reference] = [columns.sflow].flat();
  return typeof reference === "object" && "uuid" in reference ? reference.uuid : undefined;
}

/** Sets have no order, nor have maps. */
function textOf(value: Value | undefined): string {
  const atoms = value instanceof Map ? [...value].map((pair) => pair.join()) : [value ?? []].flat().map(String);
  return JSON.stringify(atoms.sort());
}
