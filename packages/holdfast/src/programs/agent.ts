import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { createMachineSandboxes, startAgent, usesSwitch } from "@holdfast/agent";
import { agentOptions } from "@holdfast/agent/config";
import { createClient } from "@holdfast/client";
import { createCniPlugin, createCniServer } from "@holdfast/cni-plugin";
import {
  errorText,
  HoldfastError,
  type Logger,
  Name,
  parseInterfaceAddress,
  type Reached,
  systemClock,
} from "@holdfast/core";
import { openMachineDriver, startFlowExport } from "@holdfast/datapath";
import { createDockerPlugin, createPluginMemory, type DockerPlugin, type PluginMemory } from "@holdfast/docker-plugin";
import { createNodeFetch } from "@holdfast/http";
import type { NodeReport, WorkloadApi } from "@holdfast/model";
import { createKernel, createThreadLoad, type ThreadLoad } from "@holdfast/netlink";
import { openSqliteStore } from "@holdfast/store";
import { refreshInstallations } from "../cni/refresh.ts";
import { createPinoLogger } from "../pino-logger.ts";
import { announceReady, LEAVE_SIGNAL, stopRequested } from "../processes/ready.ts";
import { readSettings } from "../settings.ts";
import { VERSION } from "../version.ts";
import { faultPoints } from "./fault-point.ts";
import { addressesTowards } from "./node-addresses.ts";

/** Milliseconds for taking all containers off the docker networks. */
const LEAVE_TIME = 60_000;

type AgentSettings = ReturnType<typeof readAgentSettings>;

function readAgentSettings(flags: Readonly<Record<string, string>>) {
  return readSettings("agent", agentOptions, flags);
}

/** Runs until a signal asks it to end. Containers go on without it. */
export async function runAgent(flags: Readonly<Record<string, string>>): Promise<void> {
  const settings = readAgentSettings(flags);
  const logger = createPinoLogger("agent", settings.logLevel);
  const node = settings.node ?? Name.parse(hostname().split(".")[0]?.toLowerCase() ?? "");
  mkdirSync(settings.stateDirectory, { recursive: true, mode: 0o750 });

  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openBookStore(settings, logger), (open) => open.close());
  const reached = faultPoints(process.env);
  const switchInUse = await usesSwitch(store);
  const load = createThreadLoad();
  const driver = stack.adopt(await openDriver(settings, { node, switchInUse }, { logger, reached, load }), (open) =>
    open.close(),
  );
  const client = createClient({ fetch: createNodeFetch() }, { server: settings.server, token: settings.token });
  const sandboxes = createMachineSandboxes();
  const flowExport = stack.adopt(
    startFlowExport({ logger, clock: systemClock }, { node, runDirectory: settings.switchDirectory }),
    (open) => open.close(),
  );
  const dependencies = { store, client, driver, clock: systemClock, logger, sandboxes, reached, flowExport };
  const agent = stack.adopt(await startAgent(dependencies, await agentSettings(settings, node)), (running) =>
    running.stop(),
  );
  const plugin = settings.docker
    ? await servePlugin(stack, settings, createPluginMemory(store), { workloads: agent.workloads, logger })
    : undefined;

  if (settings.cni) await serveCni(stack, settings, { workloads: agent.workloads, logger, reached, load });
  logger.info("agent is ready", { node, server: settings.server });
  announceReady();
  const signal = await stopRequested();
  logger.info("agent is stopping", { signal });
  if (signal !== LEAVE_SIGNAL || plugin === undefined) return;
  const networks = await plugin.leave(AbortSignal.timeout(LEAVE_TIME));
  logger.info("docker networks removed", { networks });
}

/** A loss of power takes the links, flows and sandboxes with it that the book describes, so it need not survive one. */
async function openBookStore(settings: AgentSettings, logger: Logger) {
  const path = join(settings.stateDirectory, "book.db");
  return await openSqliteStore({ clock: systemClock, logger }, { path, survives: "process-end" });
}

interface Observers {
  readonly logger: Logger;
  readonly reached: Reached | undefined;
  readonly load: ThreadLoad;
}

async function openDriver(
  settings: AgentSettings,
  { node, switchInUse }: { readonly node: Name; readonly switchInUse: boolean },
  { logger, reached, load }: Observers,
) {
  const { datapath, uplink, uplinkRate, tunnelAddress, datapathType, switchDirectory } = settings;
  if (datapath === "kernel" && uplink !== undefined) {
    const text =
      "an uplink is for Open vSwitch, which --datapath kernel does without; leave out --uplink, or use --datapath both";
    throw new HoldfastError("invalid_argument", text, { details: { field: "uplink" } });
  }
  return await openMachineDriver({
    node,
    datapath,
    switchInUse,
    datapathType,
    runDirectory: switchDirectory,
    logger: logger.child({ part: "datapath" }),
    reached,
    isBusy: load.isBusy,
    signal: AbortSignal.timeout(30_000),
    ...(uplink === undefined ? {} : { uplink }),
    ...(uplinkRate === undefined ? {} : { guaranteesOn: uplinkRate }),
    ...(tunnelAddress === undefined ? {} : { tunnelAddress }),
  });
}

async function agentSettings(settings: AgentSettings, node: Name) {
  const { uplink, beat, reservationTimeout, status } = settings;
  const tunnelAddress =
    settings.tunnelAddress === undefined ? undefined : parseInterfaceAddress(settings.tunnelAddress).address;
  const found = tunnelAddress === undefined ? await addressesTowards(settings.server) : [tunnelAddress];
  const addresses = settings.nodeAddress ?? found;
  const sflowAgent = settings.sflowAgent ?? tunnelAddress ?? addresses[0];
  const report: NodeReport = {
    version: VERSION,
    labels: {},
    ...(uplink === undefined ? {} : { uplink }),
    ...(tunnelAddress === undefined ? {} : { tunnelAddress }),
    ...(addresses.length === 0 ? {} : { addresses: [...addresses] }),
    ...(sflowAgent === undefined ? {} : { sflowAgent }),
  };
  const flowExport = ownFlowExport(settings);
  return {
    node,
    report,
    beatMilliseconds: beat,
    reservationTimeoutMilliseconds: reservationTimeout,
    status,
    flowExport,
  };
}

function ownFlowExport({
  sflowTargets: targets,
  sflowSampling: sampling,
  sflowPolling: pollingSeconds,
}: AgentSettings) {
  return {
    ...(targets === undefined ? {} : { targets }),
    ...(sampling === undefined ? {} : { sampling }),
    ...(pollingSeconds === undefined ? {} : { pollingSeconds }),
  };
}

/** Milliseconds: a runtime waits longer, and is told why. */
const CNI_DEADLINE = 60_000;

async function serveCni(
  stack: AsyncDisposableStack,
  settings: AgentSettings,
  { workloads, logger, reached, load }: Observers & { readonly workloads: WorkloadApi },
): Promise<void> {
  const part = logger.child({ part: "cni-plugin" });
  const kernel = stack.adopt(await createKernel({ isBusy: load.isBusy }), (open) => open.close());
  const plugin = createCniPlugin({ workloads, kernel, logger: part, reached });
  const options = { socketPath: settings.cniSocket, deadline: CNI_DEADLINE };
  const handler: typeof plugin.handle = (call, ended) => load.during(() => plugin.handle(call, ended));
  const server = createCniServer({ handler, logger: part }, options);
  const stopping = new AbortController();
  await plugin.endInterruptedCalls(stopping.signal);
  await server.start();
  await refreshInstallations(settings.cniConfigDirectory, { logger: part, now: systemClock.now().getTime() });
  const collecting = plugin
    .collectOrphans(systemClock, stopping.signal)
    .catch((error: unknown) => part.debug("looking for ended containers was broken off", { error: errorText(error) }));
  stack.defer(async () => {
    stopping.abort();
    await Promise.all([server.stop(), collecting]);
  });
}

async function servePlugin(
  stack: AsyncDisposableStack,
  settings: AgentSettings,
  state: PluginMemory,
  { workloads, logger }: { readonly workloads: WorkloadApi; readonly logger: Logger },
): Promise<DockerPlugin> {
  const dependencies = { workloads, state, clock: systemClock, logger: logger.child({ part: "docker-plugin" }) };
  const { pluginSocket: socketPath, engineSocket } = settings;
  const plugin = createDockerPlugin(dependencies, { socketPath, engineSocket });
  await plugin.start();
  stack.defer(() => plugin.stop());
  return plugin;
}
