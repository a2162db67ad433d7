import { formatMeter, type Meter, type OpenFlowSwitch } from "@holdfast/openflow";
import { createKnownTable, type KnownTable } from "../../../qos/known-table.ts";
import type { RowRef } from "../../../reconcile/operations.ts";
import { isLogMeter } from "../policy/layout.ts";

const METERS = "meters";

/** All meters of the integration bridge are ours; those of logs stay, whatever endpoints have. */
export function meterTable(connection: OpenFlowSwitch): KnownTable<Meter> {
  return createKnownTable({
    name: METERS,
    key: ({ id }) => String(id),
    same: (a, b) => formatMeter(a) === formatMeter(b),
    list: async () => (await connection.meters()).filter((meter) => !isLogMeter(meter)),
    set: (meter) => connection.setMeter(meter),
    remove: ({ id }) => connection.removeMeter(id),
  });
}

export function meterRow(id: number): RowRef {
  return { table: METERS, key: String(id) };
}
