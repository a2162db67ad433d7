import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BenchPlugin, type Caller, createCaller } from "../../bench/cni/caller.ts";
import { killed, repeated } from "./machine.ts";
import { Stage } from "./stage.ts";

/** How many containers; the long form: `HOLDFAST_STORM=2000`. */
const STORM = Number(process.env.HOLDFAST_STORM ?? 500);
const HALF = STORM / 2;
const SHIM = join(import.meta.dirname, "../../packages/cni/build/holdfast");
const storm: BenchPlugin = {
  name: "storm",
  program: SHIM,
  config: { cniVersion: "1.0.0", name: "storm", type: "holdfast", network: "web" },
};

let stage: Stage;
let caller: Caller;
let folder: string;

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  folder = await mkdtemp(join(tmpdir(), "holdfast-storm-"));
  const agentFlags = ["--reservation-timeout", "5s"];
  stage = await Stage.create({ title: "storm", agentFlags }, signal);
  await stage.network("web", "--kind routed --subnet 10.30.0.0/16", signal);
  caller = await createCaller(stage.h1, folder, new AbortController().signal);
  await caller.makeContainers(storm, STORM);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Book and kernel have just these containers, each with an address of its own. */
async function has(count: number, signal: AbortSignal): Promise<void> {
  const addresses = await stage.bookHas(({ endpoints }) => {
    return endpoints.length === count ? endpoints.flatMap((each) => each.addresses) : undefined;
  }, signal);
  expect(new Set(addresses).size).toBe(count);
  const routes = await repeated(async () => {
    const { stdout } = await stage.h1.exec(["ip", "route", "show", "proto", "253", "scope", "link"], { signal });
    const found = stdout.split("\n").flatMap((line) => /^(10\.30\.\S+) /.exec(line)?.[1] ?? []);
    return found.length === count ? found : undefined;
  }, signal);
  expect([...routes].sort()).toEqual([...addresses].sort());
}

describe(`${STORM} containers`, () => {
  test("come at once and go at once", async ({ signal }) => {
    await caller.call(storm, "ADD", { count: STORM, atOnce: Math.min(STORM, 500) });
    await has(STORM, signal);
    await caller.call(storm, "DEL", { count: STORM, atOnce: Math.min(STORM, 500) });
    await has(0, signal);
  });

  test("come and go at the same time under names that were used before, while the agent is killed", async ({
    signal,
  }) => {
    await caller.call(storm, "ADD", { count: HALF, atOnce: 64 });
    const going = caller.call(storm, "DEL", { count: HALF, atOnce: 16 }).catch(() => undefined);
    const coming = caller.call(storm, "ADD", { first: HALF, count: HALF, atOnce: 16 });
    const came = coming.catch(() => undefined);
    await killed(stage.h1, "agent", signal);
    await stage.platform.startAgent(stage.h1);
    await Promise.all([going, came]);
    // As a runtime does: what has failed is done again, and what it has given up it gives up once more.
    await caller.call(storm, "DEL", { count: HALF, atOnce: 16 });
    await caller.call(storm, "ADD", { first: HALF, count: HALF, atOnce: 16 });
    await has(HALF, signal);
    await caller.call(storm, "DEL", { first: HALF, count: HALF, atOnce: 64 });
    await has(0, signal);
    expect(await stage.holdfast("ip verify", signal)).toContain("no difference\n");
  });
});
