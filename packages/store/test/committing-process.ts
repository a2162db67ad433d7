/**
 * Commits for ever and prints each acknowledged one as `NUMBER REVISION`, until it is killed. Each commit puts two keys.
 *
 * Arguments: database file, first number, which thread works on the file.
 */
import { writeSync } from "node:fs";
import { silentLogger, systemClock } from "@holdfast/core";
import { openSqliteStore } from "../src/open.ts";

const [path = "", first = "0", where] = process.argv.slice(2);
const thread = where === "own" ? "own" : "this";
const store = await openSqliteStore({ clock: systemClock, logger: silentLogger }, { path, keepRevisions: 500, thread });
let next = Number(first);

async function work(): Promise<void> {
  for (;;) {
    const number = next++;
    const value = "x".repeat(number % 1000);
    const result = await store.commit({
      conditions: [{ key: `left/${number}`, revision: 0 }],
      operations: [
        { kind: "put", key: `left/${number}`, value },
        { kind: "put", key: `right/${number}`, value },
      ],
    });
    if (result.kind !== "committed") throw new TypeError(`bug: ${number} is there already`);
    writeSync(1, `${number} ${result.revision}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, work));
