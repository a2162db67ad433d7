import { createClient } from "@holdfast/client";
import { createNodeFetch } from "@holdfast/http";
import { type LabHost, startRelay } from "@holdfast/lab";
import { collectorRoutes, type FlowStatus, flowStatusSchema, routes, type TopFlows } from "@holdfast/model";
import { repeated } from "./machine.ts";
import { HOLDFAST, Stage } from "./stage.ts";

/** Where collectors and controllers are in a lab: the control space's address. */
const CONTROL = "192.168.77.2";
const STATUS_PORT = 4655;
const STATUS = `http://127.0.0.1:${STATUS_PORT}`;
export const LIMIT = 60_000;

/** Two lab hosts whose switches export, and a collector beside the controller; networks `vlan` and `overlay` (VXLAN). */
export interface FlowStage extends AsyncDisposable {
  readonly stage: Stage;
  /** As an operator is told. */
  status(signal: AbortSignal): Promise<FlowStatus>;
  /** The same without a program that starts each time, to look again and again. */
  look(signal: AbortSignal): Promise<FlowStatus>;
  /** Waits until everything that was sampled before a time, in milliseconds since 1970, has been told. Absent: now. */
  settled(signal: AbortSignal, time?: number): Promise<void>;
  top(by: string, filter: string, signal: AbortSignal): Promise<TopFlows>;
  /** Starts a container with the address of its claim, which it gives. */
  start(host: LabHost, identity: string, network: string, signal: AbortSignal): Promise<string>;
}

/** @param sampling one of so many packets */
export async function createFlowStage(title: string, sampling: number, signal: AbortSignal): Promise<FlowStage> {
  const exporting = ["--sflow-targets", CONTROL, "--sflow-sampling", String(sampling), "--sflow-polling", "1s"];
  const stage = await Stage.create(
    { title, vlans: { 100: ["10.20.0.1/16"] }, controllerFlags: [...exporting, "--collector", STATUS] },
    signal,
  );
  await using undo = new AsyncDisposableStack();
  undo.use(stage);
  await startCollector(stage);
  const relay = undo.use(await startRelay(stage.lab.control, { port: STATUS_PORT }, new AbortController().signal));
  const fetch = createNodeFetch({ socketPath: relay.socketPath });
  const collector = createClient({ fetch }, { server: STATUS });
  const look = async (asked: AbortSignal) => await collector.call(collectorRoutes.flowStatus, {}, { signal: asked });
  await stage.network("vlan", "--kind vlan --vlan 100 --subnet 10.20.0.0/16", signal);
  await stage.network("overlay", "--kind vxlan --subnet 10.30.0.0/16", signal);
  const flow = flowOf(stage, look);
  const isHeard = async () => (heardNodes(await look(signal)).join() === "h1,h2" ? true : undefined);
  await repeated(isHeard, signal);
  const kept = undo.move();
  return { ...flow, [Symbol.asyncDispose]: async () => await kept.disposeAsync() };
}

async function startCollector({ lab, platform }: Stage): Promise<void> {
  const from = ["--server", platform.server, "--controller-token", platform.token];
  const keeping = ["--listen", `${CONTROL}:6343`, "--store", `${lab.folder}/flows.db`, "--alarms", "none"];
  await lab.control.spawn([HOLDFAST, "collector", ...keeping, ...from], {
    name: "collector",
    ready: { kind: "line", pattern: /"collector is ready"/, timeout: LIMIT },
    signal: new AbortController().signal,
  });
}

function flowOf(stage: Stage, look: FlowStage["look"]): Omit<FlowStage, keyof AsyncDisposable> {
  async function status(signal: AbortSignal): Promise<FlowStatus> {
    const words = [HOLDFAST, "flows", "status", "--collector", STATUS, "-o", "json"];
    return flowStatusSchema.parse(JSON.parse((await stage.lab.control.exec(words, { signal })).stdout));
  }

  return {
    stage,
    status,
    look,
    async settled(signal, time = Date.now()) {
      const isOver = async () => Date.parse((await look(signal)).window?.start ?? "") > time + 2000;
      await repeated(async () => ((await isOver()) ? true : undefined), signal);
    },
    async top(by, filter, signal) {
      const query = { by, filter, last: "30m", limit: 100 };
      return await stage.platform.client.call(routes.topFlows, { query }, { signal });
    },
    async start(host, identity, network, signal) {
      const [address = ""] = (await stage.getClaim(identity, network, signal)).addresses;
      await stage.run(host, identity, { network, address }, signal);
      return address;
    },
  };
}

/** Nodes of both of whose bridges something has come, when names are known. */
export function heardNodes({ exporters, inventory }: FlowStatus): readonly string[] {
  if (inventory.state !== "in-step") return [];
  const nodes = exporters.flatMap(({ node }) => node ?? []);
  return [...new Set(nodes)].filter((node) => nodes.filter((one) => one === node).length === 2).sort();
}
