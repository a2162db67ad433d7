import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BenchPlugin, type Caller, createCaller } from "../../bench/cni/caller.ts";
import { killed, repeated, settledMachine } from "./machine.ts";
import { Stage } from "./stage.ts";

/** How many containers. Of the long form, for both kinds: `HOLDFAST_STORM=500`, or more. */
const ASKED = process.env.HOLDFAST_STORM === undefined ? undefined : Number(process.env.HOLDFAST_STORM);
const SHIM = join(import.meta.dirname, "../../packages/cni/build/holdfast");
const networks = [
  { network: "routed", storm: ASKED ?? 500, flags: "--kind routed --subnet 10.30.0.0/16" },
  // The more ports ovs-vswitchd has, the longer it takes for one more.
  { network: "switched", storm: ASKED ?? 200, flags: "--kind vlan --vlan 100 --subnet 10.20.0.0/16" },
] as const;
type Kind = (typeof networks)[number]["network"];

let stage: Stage;
let caller: Caller;
let folder: string;

beforeAll(async () => {
  const signal = AbortSignal.timeout(120_000);
  folder = await mkdtemp(join(tmpdir(), "holdfast-storm-"));
  const agentFlags = ["--reservation-timeout", "1h"];
  stage = await Stage.create({ title: "storm", vlans: { 100: ["10.20.0.1/16"] }, agentFlags }, signal);
  for (const { network, flags } of networks) await stage.network(network, flags, signal);
  caller = await createCaller(stage.h1, folder, new AbortController().signal);
  for (const { network, storm } of networks) await caller.makeContainers(stormOn(network), storm);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function stormOn(network: Kind): BenchPlugin {
  const config = { cniVersion: "1.0.0", name: network, type: "holdfast", network };
  return { name: `storm-${network}`, program: SHIM, config };
}

/** Book and data path have just these containers, each with an address of its own. */
async function has(network: Kind, count: number, signal: AbortSignal): Promise<void> {
  const endpoints = await stage.bookHas(
    (book) => (book.endpoints.length === count ? book.endpoints : undefined),
    signal,
  );
  const addresses = endpoints.flatMap((each) => each.addresses);
  expect(new Set(addresses).size).toBe(count);
  if (network === "routed") {
    expect(await routes(count, signal)).toEqual([...addresses].sort());
    return;
  }
  const machine = await settledMachine(stage.h1, count, signal);
  expect([...machine.endpoints.values()].sort()).toEqual(endpoints.map(({ id }) => id).sort());
  const links = new Set(machine.endpoints.keys());
  expect(new Set(machine.flowing)).toEqual(links);
}

/** Addresses that the kernel has a route to on this machine, once there are so many. */
async function routes(count: number, signal: AbortSignal): Promise<readonly string[]> {
  return await repeated(async () => {
    const { stdout } = await stage.h1.exec(["ip", "route", "show", "proto", "253", "scope", "link"], { signal });
    const found = stdout.split("\n").flatMap((line) => /^(10\.30\.\S+) /.exec(line)?.[1] ?? []);
    return found.length === count ? found.sort() : undefined;
  }, signal);
}

describe.each(networks)("$storm containers on a $network network", ({ network, storm: count }) => {
  const storm = stormOn(network);
  const half = count / 2;

  test("come at once and go at once", async ({ signal }) => {
    await caller.call(storm, "ADD", { count, atOnce: Math.min(count, 500) });
    await has(network, count, signal);
    await caller.call(storm, "DEL", { count, atOnce: Math.min(count, 500) });
    await has(network, 0, signal);
  });

  test("come and go at the same time under names that were used before, while the agent is killed", async ({
    signal,
  }) => {
    await caller.call(storm, "ADD", { count: half, atOnce: 64 });
    const going = caller.call(storm, "DEL", { count: half, atOnce: 16 }).catch(() => undefined);
    const coming = caller.call(storm, "ADD", { first: half, count: half, atOnce: 16 });
    const came = coming.catch(() => undefined);
    await killed(stage.h1, "agent", signal);
    await stage.platform.startAgent(stage.h1);
    await Promise.all([going, came]);
    // As a runtime does: what has failed is done again, and what it has given up it gives up once more.
    await caller.call(storm, "DEL", { count: half, atOnce: 16 });
    await caller.call(storm, "ADD", { first: half, count: half, atOnce: 16 });
    await has(network, half, signal);
    await caller.call(storm, "DEL", { first: half, count: half, atOnce: 64 });
    await has(network, 0, signal);
    expect(await stage.holdfast("ip verify", signal)).toContain("no difference\n");
  });
});
