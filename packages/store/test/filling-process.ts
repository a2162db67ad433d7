/**
 * Fills a small disk with commits, makes room, goes on, and prints what it saw as JSON.
 *
 * Argument: a folder on a disk of a few megabytes.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isHoldfastError, silentLogger, systemClock } from "@holdfast/core";
import { openSqliteStore } from "../src/open.ts";

const [folder = ""] = process.argv.slice(2);
const path = join(folder, "store.db");
const ballast = join(folder, "ballast");
const value = "x".repeat(10_000);

writeFileSync(ballast, Buffer.alloc(1_000_000));
let store = await openSqliteStore({ clock: systemClock, logger: silentLogger }, { path });
const put = (key: string) => store.commit({ conditions: [], operations: [{ kind: "put", key, value }] });
const count = async (): Promise<number> => (await store.list("")).entries.length;

let acknowledged = 0;
let refusal = "";
while (refusal === "" && acknowledged < 10_000) {
  try {
    await put(`k/${acknowledged}`);
    acknowledged++;
  } catch (error) {
    refusal = isHoldfastError(error, "unavailable") ? error.message : String(error);
  }
}
const readable = await count();
rmSync(ballast);
await put("more");
await store.close();
store = await openSqliteStore({ clock: systemClock, logger: silentLogger }, { path });
const reopened = await count();
await store.close();
process.stdout.write(JSON.stringify({ acknowledged, refusal, readable, reopened }));
