import { systemClock } from "@holdfast/core";
import { RecordingLogger } from "@holdfast/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ObservedTable, observedTable } from "./observed-table.ts";
import { Reconciler } from "./reconciler.ts";
import type { Table } from "./table.ts";

interface Row {
  readonly name: string;
  readonly value: number;
}

describe("an observed table", () => {
  const signal = AbortSignal.timeout(5000);
  let target: Map<string, number>;
  let log: string[];
  let observed: ObservedTable<Row>;
  let reconciler: Reconciler;
  let table: Table<Row>;

  beforeEach(async () => {
    target = new Map([
      ["right", 1],
      ["wrong", 1],
      ["stray", 1],
    ]);
    log = [];
    observed = observedTable<Row>({
      name: "things",
      key: ({ name }) => name,
      same: (a, b) => a.value === b.value,
      list: async () => [...target].map(([name, value]) => ({ name, value })),
      put: async ({ name, value }) => {
        log.push(`put ${name}`);
        target.set(name, value);
      },
      take: async ({ name }) => {
        log.push(`take ${name}`);
        target.delete(name);
      },
    });
    await observed.observe();
    reconciler = new Reconciler({ clock: systemClock, logger: new RecordingLogger() });
    table = reconciler.table(observed.definition);
    for (const name of ["right", "wrong"]) table.set({ name, value: name === "right" ? 1 : 2 });
    await table.settled(["right", "wrong"], signal);
  });
  afterEach(() => reconciler.close());

  test("writes what is not as desired, and nothing else", () => {
    expect(log).toEqual(["put wrong"]);
  });

  test("takes what nobody desires, once all is desired", async () => {
    await reconciler.synced(signal);
    expect(log).toEqual(["put wrong", "take stray"]);
  });

  test("writes again what the target has lost, and only that", async () => {
    target.delete("right");
    expect(observed.lost({ name: "right", value: 1 })).toBe(true);
    reconciler.refresh("things");
    await expect.poll(() => log).toEqual(["put wrong", "put right"]);
  });

  test("knows its own removals from those of others", async () => {
    table.delete("right");
    await table.settled(["right"], signal);
    expect(observed.lost({ name: "right", value: 1 })).toBe(false);
  });

  test("finds out by a look what it was not told of", async () => {
    target.delete("right");
    await observed.observe();
    reconciler.refresh("things");
    await expect.poll(() => log).toEqual(["put wrong", "put right"]);
  });

  test("refuses rows before the first look", async () => {
    const blind = observedTable<Row>({
      name: "blind",
      key: ({ name }) => name,
      same: () => true,
      list: async () => [],
      put: async () => undefined,
      take: async () => undefined,
    });
    await expect(blind.definition.operations.update([{ name: "a", value: 1 }], signal)).rejects.toThrow(
      "before they were listed",
    );
  });
});
