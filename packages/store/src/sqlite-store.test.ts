import { join } from "node:path";
import { silentLogger } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { openSqliteStore } from "./open.ts";
import { storeCompliance } from "./testing/index.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";

storeCompliance("the SQLite store", async () => {
  const folder = scratchFolder();
  const clock = new ManualClock();
  const open = () => openSqliteStore({ clock, logger: silentLogger }, { path: join(folder.path, "store.db") });
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
});
