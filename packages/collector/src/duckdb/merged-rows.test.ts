import { HoldfastError } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import type { Cell } from "./database.ts";
import { createMergedRows, type Reading } from "./merged-rows.ts";
import type { Source } from "./sum-sql.ts";

const HOUR = 3600;
const fine: Source = { table: "fine_0", from: HOUR, to: HOUR + 10, isRolled: false };

/** An hour of ten minutes and minutes, and what has come since. */
function readingAt(minute: number, stored: readonly string[] = ["source"]): Reading {
  const rolled = [
    { table: "tens_0", from: 0, to: 3000, isRolled: true },
    { table: "minute_0", from: 3000, to: 3000 + 60 * minute, isRolled: true },
  ];
  return { slots: { start: 0, milliseconds: 2 * HOUR * 1000, count: 1 }, stored, sources: [...rolled, fine] };
}

function start(answer: (sql: string) => readonly (readonly Cell[])[] = () => [[100]]) {
  const said: string[] = [];
  const query = (sql: string): Promise<readonly (readonly Cell[])[]> =>
    new Promise((resolve) => {
      said.push(sql.split(" AS ")[0] ?? "");
      resolve(answer(sql));
    });
  const merged = createMergedRows({ query });
  const tables = (sources: readonly Source[]) => Promise.resolve(sources.map(({ table }) => table));
  return { said, ask: (reading: Reading) => merged.ask(reading, tables), merged };
}

const OWN = ["tens_0", "minute_0", "fine_0"];

describe("rolled-up rows", () => {
  test("are merged for who asks the same again, once for as long as they are the same rows", async () => {
    const { said, ask } = start();
    expect(await ask(readingAt(1))).toEqual(OWN);
    expect(await ask(readingAt(1))).toEqual(["holdfast_merged.rows_0", "fine_0"]);
    expect(await ask(readingAt(1))).toEqual(["holdfast_merged.rows_0", "fine_0"]);
    expect(await ask(readingAt(2))).toEqual(["holdfast_merged.rows_1", "fine_0"]);
    expect(await ask(readingAt(2, ["destination"]))).toEqual(OWN);
    expect(said).toEqual(["CREATE TABLE holdfast_merged.rows_0", "CREATE TABLE holdfast_merged.rows_1"]);
  });

  test("are not merged for several slots, nor where there is one table of them", async () => {
    const { said, ask } = start();
    const slots = { ...readingAt(1), slots: { start: 0, milliseconds: HOUR * 1000, count: 2 } };
    const few = { ...readingAt(1), sources: readingAt(1).sources.slice(1) };
    for (const reading of [slots, slots, few, few])
      expect(await ask(reading)).toEqual(reading.sources.map(({ table }) => table));
    expect(said).toEqual([]);
  });

  test("go when newer ones have come, but not from under a question", async () => {
    const { said, ask, merged } = start();
    await ask(readingAt(0));
    const reading = Promise.withResolvers<void>();
    const first = merged.ask(readingAt(0), () => reading.promise);
    for (let minute = 1; minute <= 4; minute++) await ask(readingAt(minute));
    expect(said.filter((sql) => sql.startsWith("DROP"))).toEqual(["DROP TABLE holdfast_merged.rows_1"]);
    reading.resolve();
    await first;
    await ask(readingAt(5));
    expect(said.filter((sql) => sql.startsWith("DROP"))).toEqual([
      "DROP TABLE holdfast_merged.rows_1",
      "DROP TABLE holdfast_merged.rows_0",
    ]);
  });

  test("are read as they are when a table of them is too large, or has no memory", async () => {
    const large = start(() => [[1_000_000]]);
    for (let count = 0; count < 3; count++) expect(await large.ask(readingAt(1))).toEqual(OWN);
    expect(large.said).toEqual(["CREATE TABLE holdfast_merged.rows_0", "DROP TABLE holdfast_merged.rows_0"]);
    const full = start(() => {
      throw new Error("Out of Memory Error");
    });
    for (let count = 0; count < 3; count++) expect(await full.ask(readingAt(1))).toEqual(OWN);
    expect(full.said).toEqual(["CREATE TABLE holdfast_merged.rows_0"]);
  });

  test("that take too long are an answer that takes too long, and are tried again", async () => {
    let isLate = true;
    const { ask } = start(() => {
      if (isLate) throw new HoldfastError("timeout", "the question took longer than 25 s");
      return [[1]];
    });
    await ask(readingAt(1));
    await expect(ask(readingAt(1))).rejects.toMatchObject({ code: "timeout" });
    isLate = false;
    expect(await ask(readingAt(1))).toEqual(["holdfast_merged.rows_1", "fine_0"]);
  });
});
