import type { LabHost } from "@holdfast/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isEndpointFlow, readFlows, type SeenFlow } from "./flows.ts";
import { agentInStep, killed, readMachine, settledMachine } from "./machine.ts";
import { Stage } from "./stage.ts";
import { insideOf, type Streams, startStreams } from "./streams.ts";
import { watchSwitch } from "./switch-watch.ts";

let stage: Stage;
let streams: Streams;

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  stage = await Stage.create({ title: "restart", vlans: { 100: ["10.20.0.1/16"] } }, signal);
  await stage.network("web", "--kind vlan --vlan 100 --subnet 10.20.0.0/16", signal);
  await stage.network("cache", "--kind vxlan --subnet 10.30.0.0/24", signal);
  const run = async (host: LabHost, name: string) =>
    await stage.run(host, name, { network: name.replace(/-.*/, "") }, signal);
  // Flows of a network that are made of several endpoints must not be narrowed while they are told one after the other.
  const here = ["web-1", "cache-1", "web-idle", "cache-idle"].map((name) => run(stage.h1, name));
  const [web, cache] = await Promise.all([...here, ...["web-2", "cache-2"].map((name) => run(stage.h2, name))]);
  if (web === undefined || cache === undefined) throw new TypeError("no containers");
  const [toWeb, toCache] = [await insideOf(stage.h1, "web-1", signal), await insideOf(stage.h1, "cache-1", signal)];
  const ends = {
    "router to VLAN": { from: { space: stage.lab.router }, to: toWeb, address: web.address },
    "VLAN across hosts": { from: await insideOf(stage.h2, "web-2", signal), to: toWeb, address: web.address },
    "VXLAN across hosts": { from: await insideOf(stage.h2, "cache-2", signal), to: toCache, address: cache.address },
  };
  streams = await startStreams(ends, signal);
  await settledMachine(stage.h1, 4, signal);
  await settledMachine(stage.h2, 2, signal);
});

afterAll(async () => {
  await streams?.[Symbol.asyncDispose]();
  await stage?.[Symbol.asyncDispose]();
});

interface FlowsAndTime {
  readonly at: number;
  readonly flows: ReadonlyMap<string, SeenFlow>;
}

async function flowsNow(host: LabHost, bridge: string, signal: AbortSignal): Promise<FlowsAndTime> {
  return { flows: await readFlows(host, signal, bridge), at: performance.now() };
}

/** Flows that went, came, or were installed again: their age has not grown with the time. */
function disturbed(before: FlowsAndTime, after: FlowsAndTime): readonly string[] {
  const passed = (after.at - before.at) / 1000;
  return [...new Set([...before.flows.keys(), ...after.flows.keys()])].filter((key) => {
    const [was, is] = [before.flows.get(key), after.flows.get(key)];
    if (was === undefined || is === undefined) return true;
    return is.cookie !== was.cookie || is.packets < was.packets || is.duration < was.duration + passed * 0.8;
  });
}

async function restartUnharmed(end: (host: LabHost) => Promise<void>, signal: AbortSignal): Promise<void> {
  const host = stage.h1;
  await using watch = await watchSwitch(host, signal);
  const bridges = ["hf-int", "hf-up"];
  const before = await Promise.all(bridges.map(async (bridge) => await flowsNow(host, bridge, signal)));
  const process = await host.process("agent");
  await streams.sent(500, signal);
  await end(host);
  await streams.sent(1000, signal);
  const restarted = await stage.platform.startAgent(host, signal);
  await agentInStep(host, signal);
  // Whatever a restarted agent does late, it does within this.
  await streams.sent(1500, signal);
  const after = await Promise.all(bridges.map(async (bridge) => await flowsNow(host, bridge, signal)));
  const reports = await streams.reports(signal);

  expect(restarted.pid).not.toBe(process?.pid);
  for (const [title, report] of Object.entries(reports)) expect.soft({ title, ...report }).toMatchObject({ lost: 0 });
  expect.soft(await watch.changes()).toEqual([]);
  for (const [index, flows] of before.entries()) {
    expect.soft(disturbed(flows, after[index] ?? { at: 0, flows: new Map() })).toEqual([]);
  }
  const carried = new Set(
    [...(before[0]?.flows ?? [])].flatMap(([key, was]) =>
      isEndpointFlow(was) && (after[0]?.flows.get(key)?.packets ?? 0) > was.packets + 1000 ? [was.cookie] : [],
    ),
  );
  expect(carried.size).toBe(2);
  expect((await readMachine(host, signal)).endpoints.size).toBe(4);
}

describe("an agent that is restarted under traffic", () => {
  test("after SIGKILL loses no packet and touches nothing in the switch", async ({ signal }) => {
    await restartUnharmed(async (host) => await killed(host, "agent", signal), signal);
  });

  test("after SIGTERM loses no packet and touches nothing in the switch", async ({ signal }) => {
    await restartUnharmed(async (host) => await host.stop("agent", signal), signal);
  });

  test("serves Docker as before, and knows what it has attached in its former life", async ({ signal }) => {
    await using watch = await watchSwitch(stage.h1, signal);
    const fresh = await stage.run(stage.h1, "web-3", { network: "web" }, signal);
    await stage.endpointIn(fresh.address, "active", signal);
    const web = await stage.h1.docker(["inspect", "--format={{.NetworkSettings.Networks.web.IPAddress}}", "web-1"], {
      signal,
    });
    const text = await stage.runRefused(stage.h1, "web-4", `--network web --ip ${web}`, signal);
    expect(text).toContain("is in use on this node (h1) by container web-1");
    await stage.h1.docker(["rm", "--force", "web-3"], { signal });
    await stage.bookHas(({ endpoints }) => (endpoints.length === 6 ? true : undefined), signal);
    await settledMachine(stage.h1, 4, signal);
    expect(await watch.changes()).not.toEqual([]);
  });
});
