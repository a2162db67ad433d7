import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { watchKernel } from "./kernel-watch.ts";
import { agentInStep, killed, repeated } from "./machine.ts";
import { Stage } from "./stage.ts";
import { insideOf, startStreams } from "./streams.ts";

let stage: Stage;
const started = new Map<string, string>();

/** Machines with Open vSwitch and an uplink, which carry networks of all kinds. */
beforeAll(async () => {
  const signal = AbortSignal.timeout(90_000);
  stage = await Stage.create({ title: "beside", vlans: { 100: ["10.30.0.1/16"] } }, signal);
  await stage.network("web", "--kind vlan --vlan 100 --subnet 10.30.0.0/16", signal);
  await stage.network("pods", "--kind routed --subnet 10.20.0.0/16 --node-blocks 16", signal);
  for (const [host, name, network] of [
    [stage.h1, "web-1", "web"],
    [stage.h1, "pod-1", "pods"],
    [stage.h2, "pod-2", "pods"],
  ] as const) {
    started.set(name, (await stage.run(host, name, { network }, signal)).address);
  }
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

const addressOf = (name: string) => started.get(name) ?? "none";

describe("routed networks beside those of a switch", () => {
  test("reach each other's machines through the uplink", async ({ signal }) => {
    const reached = async () => (await stage.answers(stage.h1, "pod-1", addressOf("pod-2"), signal)) || undefined;
    await repeated(reached, signal);
    expect(await stage.answersRouter(addressOf("web-1"), signal)).toBe(true);
  });

  test("are reached from outside, where the router has a route to each machine", async ({ signal }) => {
    const { router } = stage.lab;
    for (const [host, name] of [
      [stage.h1, "pod-1"],
      [stage.h2, "pod-2"],
    ] as const) {
      const via = String(host.underlay.address);
      await router.exec(["ip", "route", "replace", `${addressOf(name)}/32`, "via", via], { signal });
      expect(await stage.answersRouter(addressOf(name), signal)).toBe(true);
    }
  });

  test("lose no packet when the agent is killed and started again", async ({ signal }) => {
    const to = await insideOf(stage.h1, "pod-1", signal);
    const from = await insideOf(stage.h2, "pod-2", signal);
    await using streams = await startStreams({ routed: { from, to, address: addressOf("pod-1") } }, signal);
    await using monitor = await watchKernel(stage.h1, signal);
    await streams.sent(300, signal);
    await killed(stage.h1, "agent", signal);
    await stage.platform.startAgent(stage.h1, signal);
    await agentInStep(stage.h1, signal);
    await streams.sent(1500, signal);
    expect((await streams.reports(signal)).routed).toMatchObject({ lost: 0 });
    expect(await monitor.changes()).toEqual([]);
  });
});
