import { join } from "node:path";
import { silentLogger } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { describe } from "vitest";
import { openSqliteStore } from "./open.ts";
import { storeCompliance } from "./testing/index.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";

describe.each([
  { name: "the SQLite store", thread: "this", programs: 50 },
  { name: "the SQLite store in a thread of its own", thread: "own", programs: 10 },
] as const)("$name", { timeout: 60_000 }, ({ name, thread, programs }) => {
  storeCompliance(
    name,
    async () => {
      const folder = scratchFolder();
      const clock = new ManualClock();
      const open = () =>
        openSqliteStore({ clock, logger: silentLogger }, { path: join(folder.path, "store.db"), thread });
      let store = await open();
      return {
        store,
        elapse: async (milliseconds) => clock.advance(milliseconds),
        async reopen() {
          await store.close();
          store = await open();
          return store;
        },
        async dispose() {
          await store.close();
          folder.remove();
        },
      };
    },
    { programs },
  );
});
