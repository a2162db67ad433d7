import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@holdfast/core";
import { RecordingLogger } from "@holdfast/core/testing";
import type { WiredNetwork } from "@holdfast/model";
import { createDockerPlugin, type DockerPlugin } from "../docker-plugin.ts";
import { type Dialect, DOCKER_20, DockerCaller } from "./docker-caller.ts";
import { PlayedDaemon } from "./docker-daemon.ts";
import { FakeEngine } from "./fake-engine.ts";
import { fakeNetwork } from "./fake-network.ts";
import { FakeWorkloads } from "./fake-workloads.ts";
import { MemoryState } from "./memory-state.ts";

/** A plugin on fakes, and a played dockerd that talks to it. */
export interface PluginFixture extends AsyncDisposable {
  readonly web: WiredNetwork;
  readonly workloads: FakeWorkloads;
  readonly state: MemoryState;
  readonly engine: FakeEngine;
  readonly logger: RecordingLogger;
  readonly caller: DockerCaller;
  readonly docker: PlayedDaemon;
  /** Ports that a process of the machine is said to use. */
  readonly usedPorts: Set<number>;
  /** Paths that are namespaces with a process. */
  readonly livingSandboxes: Set<string>;
  readonly socketPath: string;
  restart(): Promise<void>;
}

/** The networks are there, docker networks are not: the played dockerd makes them. */
export async function pluginFixture({
  networks = [fakeNetwork("web", ["10.20.0.0/16"], { docker: false })],
  dialect = DOCKER_20,
  deadline = 2_000,
}: {
  readonly networks?: readonly WiredNetwork[];
  readonly dialect?: Dialect;
  readonly deadline?: number;
} = {}): Promise<PluginFixture> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-plugin-"));
  const socketPath = join(folder, "holdfast.sock");
  const [state, engine, logger] = [new MemoryState(), new FakeEngine(), new RecordingLogger()];
  const usedPorts = new Set<number>();
  const workloads = new FakeWorkloads({ networks, sandboxLives: () => false });
  const portProbe = async ({ hostPort }: { hostPort: number }): Promise<boolean> => usedPorts.has(hostPort);
  const livingSandboxes = new Set<string>();
  const lives = async (path: string): Promise<boolean> => livingSandboxes.has(path);
  const sandboxes = { exists: lives, isInhabited: lives };
  const create = (): DockerPlugin =>
    createDockerPlugin(
      { workloads, state, clock: systemClock, logger, engine, portProbe, sandboxes, random: () => 0 },
      { socketPath, deadline },
    );
  engine.stop();
  let plugin = create();
  await plugin.start();
  const [web = fakeNetwork("web", [])] = networks;
  const caller = new DockerCaller(socketPath, dialect);
  return {
    web,
    workloads,
    state,
    engine,
    logger,
    caller,
    docker: new PlayedDaemon(caller, dialect),
    usedPorts,
    livingSandboxes,
    socketPath,
    async restart() {
      caller.close();
      await plugin.stop();
      plugin = create();
      await plugin.start();
    },
    async [Symbol.asyncDispose]() {
      caller.close();
      await plugin.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
