import type { Meter } from "@holdfast/openflow";
import { FakeSwitch } from "@holdfast/openflow/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { meterTable } from "./meters.ts";

const signal = new AbortController().signal;
const rate: Meter = { id: 1000, unit: "kilobits", rate: 40_000, burst: 10_000 };
const packets: Meter = { id: 66_536, unit: "packets", rate: 100, burst: 5 };

describe("the meters of a bridge", () => {
  let connection: FakeSwitch;
  let table: ReturnType<typeof meterTable>;
  beforeEach(async () => {
    connection = new FakeSwitch();
    table = meterTable(connection);
    await table.definition.operations.update([rate, packets], signal);
    connection.log.length = 0;
  });
  const { update, remove, prune } = {
    update: (...rows: readonly Meter[]) => table.definition.operations.update(rows, signal),
    remove: (...rows: readonly Meter[]) => table.definition.operations.remove(rows, signal),
    prune: (...rows: readonly Meter[]) => table.definition.operations.prune(rows, signal),
  };

  test("are not written again when they are right, also by a run that finds them", async () => {
    await update(rate, packets);
    table = meterTable(connection);
    await update(rate, packets);
    await prune(rate, packets);
    expect(connection.log).toEqual([]);
  });

  test("are changed one by one", async () => {
    await update({ ...rate, rate: 10_000 }, packets);
    expect(connection.log).toEqual(["meter meter=1000 kbps burst bands=type=drop rate=10000 burst_size=10000"]);
  });

  test("come again in a switch that has lost them", async () => {
    connection.reconnect("restarted");
    table.forget();
    await update(rate, packets);
    expect(await connection.meters()).toEqual([rate, packets]);
  });

  test("are asked for again after a failure, which may have come behind the change", async () => {
    connection.failNext("setMeter", "OFPMMFC_UNKNOWN");
    await expect(update({ ...rate, rate: 1 })).rejects.toThrow("OFPMMFC_UNKNOWN");
    await connection.setMeter({ ...rate, rate: 7 });
    await update(rate);
    expect(await connection.meters()).toEqual([rate, packets]);
  });

  test("go when nobody wants them, and only those", async () => {
    await remove(packets, { ...packets, id: 7 });
    expect(connection.log).toEqual(["del meter=66536"]);
    await update(packets);
    await prune(packets);
    expect(await connection.meters()).toEqual([packets]);
  });
});
