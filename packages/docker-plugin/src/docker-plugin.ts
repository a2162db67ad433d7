import { type Clock, createTurns, HoldfastError, type Logger } from "@holdfast/core";
import type { WorkloadApi } from "@holdfast/model";
import type { DriverContext } from "./drivers/context.ts";
import { type PortProbe, probePort } from "./drivers/host-ports.ts";
import { createInFlight } from "./drivers/in-flight.ts";
import { ipamMethods } from "./drivers/ipam-driver.ts";
import { networkMethods } from "./drivers/network-driver.ts";
import { openRecords } from "./drivers/records.ts";
import { machineSandboxes, type Sandboxes } from "./drivers/sandbox.ts";
import type { PluginMemory } from "./drivers/state.ts";
import type { Engine } from "./engine/engine.ts";
import { createEngineClient } from "./engine/engine-client.ts";
import { createEngineLoop } from "./engine/engine-loop.ts";
import { leaveEngine } from "./engine/leaving.ts";
import { createProtocolServer, type Method, type Methods, type ProtocolServer } from "./protocol/server.ts";

/** What the plugin works with. */
export interface DockerPluginDependencies {
  readonly workloads: WorkloadApi;
  readonly state: PluginMemory;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: binds the port for a moment. */
  readonly portProbe?: PortProbe;
  /** Default: the machine's own. */
  readonly sandboxes?: Sandboxes;
  /** In [0, 1). Default `Math.random`. */
  readonly random?: () => number;
  /** Default: dockerd at {@link DockerPluginOptions.engineSocket}. */
  readonly engine?: Engine;
}

/** Options of {@link createDockerPlugin}. */
export interface DockerPluginOptions {
  /** Where Docker looks for the plugin; the file's name is the driver's. Default `"/run/docker/plugins/holdfast.sock"`. */
  readonly socketPath?: string;
  /** The engine's own API, used between Docker's calls and never within one. Default `"/run/docker.sock"`. */
  readonly engineSocket?: string;
  /** Milliseconds after which a call of Docker's is answered with an error: Docker itself waits for ever. Default 20,000. */
  readonly deadline?: number;
  /** Largest request body in bytes. Default 1 MiB. */
  readonly bodyLimit?: number;
}

/** The network and IPAM driver `holdfast` of the dockerd on this machine. */
export interface DockerPlugin {
  /** @throws HoldfastError `in_use`: another agent serves the socket. */
  start(): Promise<void>;
  /**
   * Removes the docker networks that were made here and takes containers off them, while Docker's calls are still answered. For the end of the
   * platform on this machine; {@link stop} follows. Gives the networks' names.
   */
  leave(signal: AbortSignal): Promise<readonly string[]>;
  /** Answers what is under way and ends; containers keep running. */
  stop(): Promise<void>;
}

export function createDockerPlugin(
  dependencies: DockerPluginDependencies,
  options: DockerPluginOptions = {},
): DockerPlugin {
  const {
    workloads,
    state,
    clock,
    logger,
    portProbe = probePort,
    sandboxes = machineSandboxes,
    random = Math.random,
  } = dependencies;
  const { socketPath = "/run/docker/plugins/holdfast.sock", engineSocket = "/run/docker.sock" } = options;
  const { deadline = 20_000, bodyLimit = 1 << 20 } = options;
  const engine = dependencies.engine ?? createEngineClient({ socketPath: engineSocket });
  let running:
    | { readonly server: ProtocolServer; readonly stop: AbortController; readonly loop: Promise<void> }
    | undefined;

  return {
    async start() {
      const records = await openRecords(state);
      const loop = createEngineLoop({ engine, workloads, records, sandboxes, clock, logger });
      const context: DriverContext = {
        workloads,
        records,
        inFlight: createInFlight(),
        turns: createTurns(),
        interfaces: new Map(),
        portProbe,
        random,
        sandboxes,
        engineServes: loop.isConnected,
        lookAgain: loop.lookAgain,
        clock,
        logger,
      };
      const methods = methodTable(networkMethods(context), ipamMethods(context));
      const server = createProtocolServer({ methods, logger }, { socketPath, deadline, bodyLimit });
      await server.start();
      const stop = new AbortController();
      running = { server, stop, loop: loop.run(stop.signal) };
    },
    async leave(signal) {
      running?.stop.abort(new HoldfastError("unavailable", "holdfast leaves this machine"));
      await running?.loop;
      return await leaveEngine(engine, logger, signal);
    },
    async stop() {
      const ending = running;
      running = undefined;
      ending?.stop.abort(new HoldfastError("unavailable", "the holdfast agent is stopping"));
      await Promise.all([ending?.loop, ending?.server.stop()]);
    },
  };
}

function methodTable(network: Readonly<Record<string, Method>>, ipam: Readonly<Record<string, Method>>): Methods {
  const activate: Method = { emptyBody: true, handle: async () => ({ Implements: ["NetworkDriver", "IpamDriver"] }) };
  return new Map([
    ["Plugin.Activate", activate],
    ...Object.entries(network).map(([name, method]) => [`NetworkDriver.${name}`, method] as const),
    ...Object.entries(ipam).map(([name, method]) => [`IpamDriver.${name}`, method] as const),
  ]);
}
