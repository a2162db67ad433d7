import { readFile, rm, writeFile } from "node:fs/promises";
import { FAULT_POINTS, type FaultPoint } from "@holdfast/core";
import { isAlive, type LabHost } from "@holdfast/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CniAnswer, cniCall } from "./cni-call.ts";
import { repeated, settledMachine } from "./machine.ts";
import { Stage } from "./stage.ts";

const FAULT_FILE = "/run/fault";
/** Milliseconds: where a step is not taken, nobody dies. */
const DYING = 10_000;

let stage: Stage;

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  const agentEnv = { HOLDFAST_FAULT_FILE: FAULT_FILE };
  // What was reserved and never attached does not wait for its time: an agent that comes back knows that nobody attaches it.
  const agentFlags = ["--reservation-timeout", "1h"];
  stage = await Stage.create({ title: "ckill", vlans: { 100: ["10.20.0.1/16"] }, agentEnv, agentFlags }, signal);
  await stage.network("switched", "--kind vlan --vlan 100 --subnet 10.20.0.0/16", signal);
  await stage.network("routed", "--kind routed --subnet 10.30.0.0/16", signal);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

/** Points that a container of the network comes to; `kernel.` and `ovs.` are of one driver each. */
function pointsOf(command: keyof typeof FAULT_POINTS, network: string): readonly FaultPoint[] {
  const other = network === "routed" ? "ovs." : "kernel.";
  return FAULT_POINTS[command].filter((point) => !point.startsWith(other));
}

/** Every point once: half of them on each host, at the same time. */
async function onBothHosts(
  points: readonly FaultPoint[],
  work: (host: LabHost, point: FaultPoint, name: string, index: number) => Promise<void>,
): Promise<void> {
  const onHost = async (host: LabHost, rest: number): Promise<void> => {
    for (const [index, point] of points.entries()) {
      const name = point.replaceAll(".", "-");
      if (index % 2 === rest) await work(host, point, name, Math.floor(index / 2));
    }
  };
  await Promise.all([onHost(stage.h1, 0), onHost(stage.h2, 1)]);
}

/** Calls the plugin and kills the agent at a point. @throws Error when the agent does not come to it. */
async function killedAt(
  host: LabHost,
  point: FaultPoint,
  what: `${string} ${string}`,
  { network, signal }: { readonly network: string; readonly signal: AbortSignal },
): Promise<CniAnswer> {
  const agent = await host.process("agent");
  if (agent === undefined) throw new TypeError("the agent does not run");
  await writeFile(host.path(FAULT_FILE), point);
  const answer = await cniCall(host, what, signal, { network });
  const dying = AbortSignal.any([signal, AbortSignal.timeout(DYING)]);
  await repeated(async () => (isAlive(agent) ? undefined : true), dying, 5).catch(() => {
    throw new TypeError(`${what} does not come to ${point}: ${JSON.stringify(answer)}`);
  });
  await rm(host.path(FAULT_FILE));
  return answer;
}

/** From the host in a routed network, from the company's router in a VLAN. */
async function reaches(host: LabHost, address: string, signal: AbortSignal): Promise<void> {
  const from = address.startsWith("10.30.") ? host : stage.lab.router;
  await repeated(async () => {
    const { code } = await from.tryExec(["ping", "-n", "-q", "-c", "1", "-W", "1", address], { signal });
    return code === 0 ? true : undefined;
  }, signal);
}

async function nothingIsLeft(signal: AbortSignal): Promise<void> {
  await stage.bookHas(({ endpoints, claims }) => (endpoints.length + claims.length === 0 ? true : undefined), signal);
  for (const host of stage.lab.hosts) {
    const { peers, spares } = await settledMachine(host, 0, signal);
    expect(peers.length, "ends for sandboxes").toBe(spares.length);
    const { stdout } = await host.exec(["ip", "route", "show", "proto", "253", "scope", "link"], { signal });
    expect(stdout).toBe("");
  }
  expect(await stage.holdfast("ip verify", signal)).toContain("no difference\n");
}

describe.each(["switched", "routed"])("an agent that is killed, network %s,", (network) => {
  test("at any step of ADD: code 11, and after DEL or another ADD nothing is left or doubled", async ({ signal }) => {
    await onBothHosts(pointsOf("ADD", network), async (host, point, name, index) => {
      await host.exec(["ip", "netns", "add", name], { signal });
      const answer = await killedAt(host, point, `ADD ${name}`, { network, signal });
      expect(answer).toMatchObject({ code: 11, msg: expect.stringContaining("see that the agent runs") });
      const givesUpFirst = index % 3 === 0;
      if (givesUpFirst) await endedBy(host, name, signal);
      await stage.platform.startAgent(host);
      if (givesUpFirst) return;
      if (index % 3 === 1) return await endedBy(host, name, signal);
      const { ips = [] } = await cniCall(host, `ADD ${name}`, signal, { network });
      const [address = ""] = ips[0]?.address.split("/") ?? [];
      await reaches(host, address, signal);
      await endedBy(host, name, signal);
    });
    await nothingIsLeft(signal);
  });

  test("at any step of DEL: it succeeds, and nothing is left when the agent is back", async ({ signal }) => {
    await onBothHosts(pointsOf("DEL", network), async (host, point, name, index) => {
      await host.exec(["ip", "netns", "add", name], { signal });
      await cniCall(host, `ADD ${name}`, signal, { network });
      expect(await killedAt(host, point, `DEL ${name}`, { network, signal })).toEqual({});
      if (index % 2 === 0) await host.exec(["ip", "netns", "delete", name], { signal });
      await stage.platform.startAgent(host);
      if (index % 2 === 1) await endedBy(host, name, signal);
    });
    await nothingIsLeft(signal);
  });
});

describe("a caller that is killed", () => {
  test("in the middle of ADD leaves what DEL takes away", async ({ signal }) => {
    const points = ["cni.add-reserved", "agent.attach-wired", "cni.add-moved"] as const;
    for (const point of points) {
      const name = `caller-${point.replaceAll(".", "-")}`;
      await stage.h1.exec(["ip", "netns", "add", name], { signal });
      await killedWhileAgentWaits(stage.h1, point, `ADD ${name}`, signal);
      await endedBy(stage.h1, name, signal);
    }
    await nothingIsLeft(signal);
  });

  test("in the middle of DEL leaves nothing", async ({ signal }) => {
    await stage.h1.exec(["ip", "netns", "add", "caller"], { signal });
    await cniCall(stage.h1, "ADD caller", signal, { network: "routed" });
    await killedWhileAgentWaits(stage.h1, "cni.del-unnamed", "DEL caller", signal);
    await stage.h1.exec(["ip", "netns", "delete", "caller"], { signal });
    await nothingIsLeft(signal);
  });
});

/** What a runtime does with a container that it does not want any more. */
async function endedBy(host: LabHost, name: string, signal: AbortSignal): Promise<void> {
  expect(await cniCall(host, `DEL ${name}`, signal)).toEqual({});
  await host.exec(["ip", "netns", "delete", name], { signal });
}

/** Stops the agent at a point, ends the plugin's program and whoever called it, and lets the agent go on. */
async function killedWhileAgentWaits(
  host: LabHost,
  point: FaultPoint,
  what: `${string} ${string}`,
  signal: AbortSignal,
): Promise<void> {
  const agent = await host.process("agent");
  await writeFile(host.path(FAULT_FILE), `${point} stop`);
  const caller = new AbortController();
  const call = cniCall(host, what, AbortSignal.any([signal, caller.signal]), { network: "routed" }).catch(
    () => undefined,
  );
  await repeated(
    async () => {
      const stat = await readFile(`/proc/${agent?.pid}/stat`, "utf8");
      return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T") ? true : undefined;
    },
    signal,
    5,
  );
  await rm(host.path(FAULT_FILE));
  caller.abort();
  await call;
  await host.kill("agent", "SIGCONT");
}
