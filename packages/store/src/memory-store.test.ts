import { ManualClock } from "@holdfast/core/testing";
import { openMemoryStore } from "./open.ts";
import { storeCompliance } from "./testing/index.ts";

storeCompliance("the memory store", async () => {
  const clock = new ManualClock();
  const store = openMemoryStore({ clock });
  return {
    store,
    elapse: async (milliseconds) => clock.advance(milliseconds),
    dispose: () => store.close(),
  };
});
