import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock } from "@holdfast/core";
import { createDockerPlugin } from "./docker-plugin.ts";
import { cnmConformance } from "./testing/cnm-conformance.ts";
import type { CnmSubject } from "./testing/cnm-context.ts";
import { fakeNetwork } from "./testing/fake-network.ts";
import { FakeWorkloads } from "./testing/fake-workloads.ts";
import { MemoryState } from "./testing/memory-state.ts";

cnmConformance("the holdfast plugin", async (): Promise<CnmSubject> => {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-cnm-"));
  const socketPath = join(folder, "holdfast.sock");
  const state = new MemoryState();
  const workloads = new FakeWorkloads({ networks: [fakeNetwork("web", ["10.20.0.0/16"])] });
  const start = async () => {
    const plugin = createDockerPlugin(
      { workloads, state, clock: systemClock, logger: silentLogger },
      { socketPath, engineSocket: join(folder, "no-engine.sock"), deadline: 5_000 },
    );
    await plugin.start();
    return plugin;
  };
  let plugin = await start();
  return {
    socketPath,
    plan: { ipamOptions: { "holdfast.network": "web" }, pool: "10.20.0.0/16" },
    gateway: "10.20.0.1",
    freeAddress: "10.20.0.3",
    async crash() {
      await plugin.stop();
      plugin = await start();
    },
    heldAddresses: async () => workloads.live.length,
    async stop() {
      await plugin.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
});
