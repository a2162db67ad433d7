import type { LabHost } from "@holdfast/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repeated } from "./machine.ts";
import { Stage } from "./stage.ts";

let stage: Stage;

interface Started {
  readonly address: string;
  readonly mac: string;
}
let one: Started;
let two: Started;

beforeAll(async () => {
  const signal = AbortSignal.timeout(90_000);
  stage = await Stage.create({ title: "routed", switchless: true }, signal);
  await stage.network("web", "--kind routed --subnet 10.20.0.0/16 --subnet fd00:20::/64", signal);
  one = await stage.run(stage.h1, "one", { network: "web" }, signal);
  two = await stage.run(stage.h2, "two", { network: "web" }, signal);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

async function inside(host: LabHost, container: string, line: string, signal: AbortSignal): Promise<string> {
  return (await host.docker(["exec", container, ...line.split(" ")], { signal })).trim();
}

/** Whether an address answers a container soon: routes travel behind the container's back. */
async function reaches(host: LabHost, container: string, address: string, signal: AbortSignal): Promise<void> {
  await repeated(async () => ((await stage.answers(host, container, address, signal)) ? true : undefined), signal);
}

async function sixOf(host: LabHost, container: string, signal: AbortSignal): Promise<string> {
  const text = await inside(host, container, "ip -6 addr show dev eth0 scope global", signal);
  return /inet6 (\S+)\/128/.exec(text)?.[1] ?? "none";
}

describe("a container of a routed network", () => {
  test("has an address of its own alone, and sends everything to a gateway that every machine has", async ({
    signal,
  }) => {
    expect(await inside(stage.h1, "one", "ip -4 addr show dev eth0", signal)).toContain(`inet ${one.address}/32 `);
    const routes = await inside(stage.h1, "one", "ip route", signal);
    expect(routes).toBe("default via 169.254.1.1 dev eth0 \n169.254.1.1 dev eth0 scope link");
    expect(await inside(stage.h1, "one", "ip -6 route show default", signal)).toContain("via fe80::1 dev eth0");
  });

  test("is reached from its machine, and from a container on another, over both families", async ({ signal }) => {
    expect((await stage.h1.tryExec(["ping", "-c", "1", "-W", "2", one.address], { signal })).code).toBe(0);
    await reaches(stage.h1, "one", two.address, signal);
    await reaches(stage.h2, "two", one.address, signal);
    await reaches(stage.h1, "one", await sixOf(stage.h2, "two", signal), signal);
    await reaches(stage.h2, "two", await sixOf(stage.h1, "one", signal), signal);
  });

  test("needs no Open vSwitch on its machine", async ({ signal }) => {
    for (const host of stage.lab.hosts) {
      expect((await host.exec(["ovs-vsctl", "list-br"], { signal })).stdout).toBe("");
    }
  });

  test("is reached from outside where the router has a route to its machine", async ({ signal }) => {
    const { router } = stage.lab;
    for (const [host, { address }] of [
      [stage.h1, one],
      [stage.h2, two],
    ] as const) {
      await router.exec(["ip", "route", "replace", `${address}/32`, "via", String(host.underlay.address)], { signal });
      expect(await stage.answersRouter(address, signal)).toBe(true);
    }
  });
});
