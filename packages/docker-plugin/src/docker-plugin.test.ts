import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock } from "@holdfast/core";
import { describe, test } from "vitest";
import { createDockerPlugin } from "./docker-plugin.ts";
import type { CnmSubject } from "./testing/cnm-case.ts";
import { CNM_CASES, runCnmCase } from "./testing/cnm-suite.ts";
import { DIALECTS } from "./testing/docker-caller.ts";
import { fakeNetwork } from "./testing/fake-network.ts";
import { FakeWorkloads } from "./testing/fake-workloads.ts";
import { MemoryState } from "./testing/memory-state.ts";

interface StartedSubject extends CnmSubject, AsyncDisposable {}

async function startSubject(): Promise<StartedSubject> {
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
    freeAddress: "10.20.0.3",
    async crash() {
      await plugin.stop();
      plugin = await start();
    },
    heldAddresses: async () => workloads.live.flatMap(({ claim }) => claim.addresses),
    async [Symbol.asyncDispose]() {
      await plugin.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

describe.each(DIALECTS)("CNM conformance of the holdfast plugin, Docker $name", (dialect) => {
  test.each(CNM_CASES)("$title", async (each) => {
    await using subject = await startSubject();
    await runCnmCase(each, subject, { dialect });
  });
});
