import { formatMeter, type Meter, type OpenFlowSwitch } from "@holdfast/openflow";
import type { KnownTable } from "../../../qos/known-table.ts";
import type { RowRef } from "../../../reconcile/operations.ts";

/** All meters of the integration bridge are ours. What it has is read once per connection, so that one that is right goes on as it is. */
export function meterTable(connection: OpenFlowSwitch): KnownTable<Meter> {
  let known: Map<number, Meter> | undefined;
  const read = async (): Promise<Map<number, Meter>> => {
    known ??= new Map((await connection.meters()).map((meter) => [meter.id, meter]));
    return known;
  };

  async function set(meter: Meter): Promise<void> {
    const before = (await read()).get(meter.id);
    if (before !== undefined && isSame(before, meter)) return;
    await writing(() => connection.setMeter(meter));
    known?.set(meter.id, meter);
  }

  async function remove(id: number): Promise<void> {
    if (!(await read()).has(id)) return;
    await writing(() => connection.removeMeter(id));
    known?.delete(id);
  }

  /** Whatever becomes of it, the switch is asked again when it fails. */
  async function writing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      known = undefined;
      throw error;
    }
  }

  return {
    definition: {
      name: METERS,
      key: ({ id }) => String(id),
      same: isSame,
      operations: {
        async update(meters) {
          for (const meter of meters) await set(meter);
        },
        async remove(meters) {
          for (const { id } of meters) await remove(id);
        },
        async prune(desired) {
          const wanted = new Set(desired.map(({ id }) => id));
          for (const id of [...(await read()).keys()]) if (!wanted.has(id)) await remove(id);
        },
      },
    },
    forget() {
      known = undefined;
    },
  };
}

const METERS = "meters";

export function meterRow(id: number): RowRef {
  return { table: METERS, key: String(id) };
}

function isSame(a: Meter, b: Meter): boolean {
  return formatMeter(a) === formatMeter(b);
}
