import { systemClock } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { openDatabase } from "./database.ts";

describe("a DuckDB file", () => {
  test("breaks a question off that takes too long, and answers the next", async () => {
    const database = await openDatabase(systemClock, { path: ":memory:", memoryMib: 64, patience: 50 });
    const endless = database.query("SELECT count(*) FROM range(1000000000000) WHERE range % 7 = 3");
    await expect(endless).rejects.toMatchObject({
      code: "timeout",
      message: "the question took longer than 0.05 s; ask for a shorter time, or by fewer fields",
    });
    expect(await database.query("SELECT 1")).toEqual([[1]]);
    database.close();
  });

  test("refuses a file that is none", async () => {
    const opened = openDatabase(systemClock, { path: import.meta.filename, memoryMib: 64, patience: 50 });
    await expect(opened).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(`cannot open the flow store ${import.meta.filename}: `) as string,
    });
  });
});
