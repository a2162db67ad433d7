import type { LabHost } from "@holdfast/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CniChange, cniCall as call } from "./cni-call.ts";
import { killed, repeated } from "./machine.ts";
import { Stage } from "./stage.ts";

let stage: Stage;

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  stage = await Stage.create({ title: "cni", vlans: { 100: ["10.20.0.1/16"] } }, signal);
  await stage.network("web", "--kind vlan --vlan 100 --subnet 10.20.0.0/16", signal);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

async function addressOfAdd(host: LabHost, name: string, signal: AbortSignal, change: CniChange = {}): Promise<string> {
  await host.exec(["ip", "netns", "add", name], { signal });
  const result = await call(host, `ADD ${name}`, signal, change);
  expect(result).toMatchObject({ cniVersion: "1.1.0", ips: [{ gateway: "10.20.0.1" }] });
  return result.ips?.[0]?.address.split("/")[0] ?? "";
}

async function answers(address: string, signal: AbortSignal): Promise<void> {
  await repeated(async () => {
    const { code } = await stage.lab.router.tryExec(["ping", "-n", "-q", "-c", "1", "-W", "1", address], { signal });
    return code === 0 ? true : undefined;
  }, signal);
}

describe("a container of a runtime that speaks CNI", () => {
  test("is reached at an address of its own, which is given back with it", async ({ signal }) => {
    const address = await addressOfAdd(stage.h1, "one", signal);
    await answers(address, signal);
    const claims = await stage.holdfast("endpoint list --network web", signal);
    expect(claims).toContain(address);
    expect(await call(stage.h1, "STATUS one", signal)).toEqual({});
    expect(await stage.holdfast("ip verify", signal)).toContain("no difference\n");
    expect(await call(stage.h1, "DEL one", signal)).toEqual({});
    expect(await call(stage.h1, "DEL one", signal)).toEqual({});
    await stage.bookHas(({ endpoints }) => (endpoints.length === 0 ? true : undefined), signal);
  });

  test("takes over a claim's address from a Docker container on another host, with its MAC", async ({ signal }) => {
    const address = "10.20.0.77";
    await stage.holdfast(`claim create redis-0 --network web --address ${address}`, signal);
    const { mac } = await stage.run(stage.h1, "redis-0", { network: "web", address }, signal);
    await answers(address, signal);
    await stage.h1.docker(["rm", "--force", "redis-0"], { signal });
    const moved = await repeated(async () => {
      const given = await addressOfAdd(stage.h2, "pod", signal, { args: `IP=${address}` }).catch(() => undefined);
      if (given === undefined) await stage.h2.exec(["ip", "netns", "delete", "pod"], { signal });
      return given;
    }, signal);
    expect(moved).toBe(address);
    await answers(address, signal);
    const link = await stage.h2.exec(["ip", "-n", "pod", "link", "show", "eth0"], { signal });
    expect(link.stdout).toContain(mac);
    await call(stage.h2, "DEL pod", signal);
  });

  test("is checked, kept across the agent's death, and collected when its runtime has forgotten it", async ({
    signal,
  }) => {
    const address = await addressOfAdd(stage.h1, "two", signal);
    const prevResult = await call(stage.h1, "ADD two", signal);
    expect(await call(stage.h1, "CHECK two", signal, { prevResult })).toEqual({});
    await killed(stage.h1, "agent", signal);
    expect(await call(stage.h1, "ADD three", signal)).toMatchObject({ code: 11 });
    expect(await call(stage.h1, "DEL three", signal)).toEqual({});
    await answers(address, signal);
    await stage.platform.startAgent(stage.h1);
    expect(await call(stage.h1, "CHECK two", signal, { prevResult })).toEqual({});
    expect(await call(stage.h1, "GC ", signal, { "cni.dev/valid-attachments": [] })).toEqual({});
    await stage.bookHas(({ endpoints }) => (endpoints.length === 0 ? true : undefined), signal);
  });

  test("that ended while there was no agent is taken down when the agent is back", async ({ signal }) => {
    const address = await addressOfAdd(stage.h1, "four", signal);
    await answers(address, signal);
    await killed(stage.h1, "agent", signal);
    expect(await call(stage.h1, "DEL four", signal)).toEqual({});
    await stage.h1.exec(["ip", "netns", "delete", "four"], { signal });
    await stage.platform.startAgent(stage.h1);
    await stage.bookHas(({ endpoints }) => (endpoints.length === 0 ? true : undefined), signal);
  });
});
