import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { openSqliteStore } from "./open.ts";
import { storeCompliance } from "./testing/index.ts";

storeCompliance("the SQLite store", async () => {
  const folder = await mkdtemp(join(tmpdir(), `holdfast-store-${process.pid}-`));
  const clock = new ManualClock();
  const open = () => openSqliteStore({ clock, logger: silentLogger }, { path: join(folder, "store.db") });
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
      await rm(folder, { recursive: true, force: true });
    },
  };
});
