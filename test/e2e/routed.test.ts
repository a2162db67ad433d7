import { join } from "node:path";
import { type LabHost, startPingStream } from "@holdfast/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { watchKernel } from "./kernel-watch.ts";
import { agentInStep, killed, repeated } from "./machine.ts";
import { Stage } from "./stage.ts";
import { insideOf, startStreams } from "./streams.ts";

const SHIM = join(import.meta.dirname, "../../packages/cni/build/holdfast");

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

interface CniResult {
  readonly code?: number;
  readonly ips?: readonly object[];
  readonly routes?: readonly object[];
}

/** What a runtime does for the container `pod`, whose namespace is of that name. */
async function cni(
  host: LabHost,
  command: string,
  signal: AbortSignal,
  change: { readonly args?: string; readonly prevResult?: CniResult } = {},
): Promise<CniResult> {
  const { args = "", ...config } = change;
  const place = { CNI_CONTAINERID: "pod", CNI_NETNS: "/run/netns/pod", CNI_IFNAME: "eth0" };
  const input = JSON.stringify({ cniVersion: "1.1.0", name: "web", type: "holdfast", ...config });
  const words = ["sh", "-c", `printf %s "$1" | exec ${SHIM}`, "sh", input];
  const { stdout } = await host.tryExec(words, { signal, env: { CNI_COMMAND: command, CNI_ARGS: args, ...place } });
  return stdout === "" ? {} : (JSON.parse(stdout) as CniResult);
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

/** Carries a claim's container from the first machine to the second, under a stream from a container on each. */
async function drift(signal: AbortSignal): Promise<{ before: Started; after: Started; gaps: readonly number[] }> {
  const { address } = await stage.claim("redis-0", "web", signal);
  const before = await stage.run(stage.h1, "redis-0", { network: "web", address }, signal);
  await reaches(stage.h2, "two", address, signal);
  await using beside = await startPingStream(await insideOf(stage.h1, "one", signal), address, signal);
  await using across = await startPingStream(await insideOf(stage.h2, "two", signal), address, signal);
  await stage.h1.docker(["rm", "--force", "redis-0"], { signal });
  const after = await stage.run(stage.h2, "redis-0", { network: "web", address }, signal);
  await reaches(stage.h1, "one", address, signal);
  await reaches(stage.h2, "two", address, signal);
  const gaps = await Promise.all([beside, across].map(async (stream) => (await stream.gap(signal)).longestGapMs));
  return { before, after, gaps };
}

test("the book agrees with the machines that route", async ({ signal }) => {
  for (const { address } of [one, two]) await stage.endpointIn(address, "active", signal);
  expect(await stage.holdfast("ip verify", signal)).toContain("no difference\n");
});

describe("an identity of a routed network", () => {
  test("moves to another machine with address and MAC, while others talk to it", async ({ signal }) => {
    const { before, after, gaps } = await drift(signal);
    expect(after).toEqual(before);
    for (const gap of gaps) {
      expect(gap).toBeGreaterThan(0);
      expect(gap).toBeLessThan(2000);
    }
    await stage.h2.docker(["rm", "--force", "redis-0"], { signal });
  });

  test("moves from a Docker container to one of a runtime that speaks CNI", async ({ signal }) => {
    const { address } = await stage.claim("pod-0", "web", signal);
    const { mac } = await stage.run(stage.h1, "pod-0", { network: "web", address }, signal);
    await stage.h1.docker(["rm", "--force", "pod-0"], { signal });
    await stage.h2.exec(["ip", "netns", "add", "pod"], { signal });
    const added = await repeated(async () => {
      const result = await cni(stage.h2, "ADD", signal, { args: `IP=${address}` });
      return result.code === undefined ? result : undefined;
    }, signal);
    expect(added.ips).toMatchObject([{ address: `${address}/32`, gateway: "169.254.1.1" }, { gateway: "fe80::1" }]);
    expect(added.routes).toEqual([
      { dst: "0.0.0.0/0", gw: "169.254.1.1" },
      { dst: "::/0", gw: "fe80::1" },
    ]);
    expect((await stage.h2.exec(["ip", "-n", "pod", "link", "show", "eth0"], { signal })).stdout).toContain(mac);
    await reaches(stage.h1, "one", address, signal);
    expect(await cni(stage.h2, "CHECK", signal, { prevResult: added })).toEqual({});
    expect(await cni(stage.h2, "DEL", signal)).toEqual({});
    await stage.h2.exec(["ip", "netns", "delete", "pod"], { signal });
  });
});

describe("an agent that is killed and started again", () => {
  test("loses no packet of a stream, and the kernel hears of no change", async ({ signal }) => {
    const ends = {
      "from another container": {
        from: await insideOf(stage.h2, "two", signal),
        to: await insideOf(stage.h1, "one", signal),
        address: one.address,
      },
      "from the machine": {
        from: { space: stage.h1 },
        to: await insideOf(stage.h1, "one", signal),
        address: one.address,
      },
    };
    await using streams = await startStreams(ends, signal);
    await using monitor = await watchKernel(stage.h1, signal);
    await streams.sent(300, signal);
    await killed(stage.h1, "agent", signal);
    await streams.sent(500, signal);
    await stage.platform.startAgent(stage.h1, signal);
    await agentInStep(stage.h1, signal);
    await streams.sent(1500, signal);
    for (const [title, report] of Object.entries(await streams.reports(signal))) {
      expect.soft({ title, ...report }).toMatchObject({ lost: 0 });
    }
    expect(await monitor.changes()).toEqual([]);
  });
});

describe("a published port of a routed network", () => {
  test("is reached from its machine, from outside, and from containers", async ({ signal }) => {
    const command = ["sh", "-c", "echo served > /www/index.html && exec httpd -f -p 80 -h /www"];
    await stage.run(stage.h1, "site", { network: "web", words: ["--publish", "8080:80"], command }, signal);
    const place = `http://${stage.h1.underlay.address}:8080/`;
    const get = ["timeout", "2", "/bin/busybox", "wget", "-q", "-O", "-"];
    const ask = async (words: readonly string[], by: Pick<LabHost, "tryExec">) =>
      (await by.tryExec([...words], { signal })).stdout.trim();
    expect(await ask([...get, "http://127.0.0.1:8080/"], stage.h1)).toBe("served");
    expect(await ask([...get, place], stage.lab.router)).toBe("served");
    expect(await ask(["docker", "exec", "two", ...get, place], stage.h2)).toBe("served");
    await stage.h1.docker(["rm", "--force", "site"], { signal });
    expect(await ask([...get, place], stage.lab.router)).toBe("");
  });
});

describe("tenants with routed networks", () => {
  test("have no prefix in common, and do not reach each other", async ({ signal }) => {
    await stage.holdfast("tenant create red", signal);
    const words = ["network", "create", "shop", "--tenant", "red", "--kind", "routed", "--subnet"];
    const { code, stderr } = await stage.tryHoldfast([...words, "10.20.8.0/24"], signal);
    expect(code).toBe(1);
    expect(stderr).toContain("10.20.8.0/24 overlaps 10.20.0.0/16 of routed network default/web");
    await stage.network("shop", "--tenant red --kind routed --subnet 10.21.0.0/24", signal);
    const near = await stage.run(stage.h1, "shop-1", { network: "shop.red" }, signal);
    const far = await stage.run(stage.h2, "shop-2", { network: "shop.red" }, signal);
    await reaches(stage.h1, "shop-1", far.address, signal);
    const found = await Promise.all([
      ...[near, far].map(async ({ address }) => await stage.answers(stage.h1, "one", address, signal)),
      stage.answers(stage.h1, "shop-1", two.address, signal),
    ]);
    expect(found).toEqual([false, false, false]);
  });

  test("send from nobody else's address", async ({ signal }) => {
    const { pid } = { pid: await stage.h1.containerPid("one", signal) };
    const enter = ["nsenter", "-t", String(pid), "-n"];
    const forged = two.address;
    await stage.h1.exec([...enter, "ip", "address", "add", "10.20.99.9/32", "dev", "eth0"], { signal });
    const ping = async (source: string) =>
      (await stage.h1.tryExec([...enter, "ping", "-c", "1", "-W", "1", "-I", source, forged], { signal })).code;
    expect(await ping("10.20.99.9")).toBe(1);
    expect(await ping(one.address)).toBe(0);
    await stage.h1.exec([...enter, "ip", "address", "del", "10.20.99.9/32", "dev", "eth0"], { signal });
  });
});

describe("nodes with blocks of a routed network", () => {
  test("are told of each other's with one route, and of a container that is elsewhere with one more", async ({
    signal,
  }) => {
    await stage.network("jobs", "--kind routed --subnet 10.22.0.0/24 --node-blocks 16", signal);
    const first = await stage.run(stage.h1, "job-1", { network: "jobs" }, signal);
    const second = await stage.run(stage.h2, "job-2", { network: "jobs" }, signal);
    await reaches(stage.h2, "job-2", first.address, signal);
    await reaches(stage.h1, "job-1", second.address, signal);
    const routes = async () =>
      (await stage.h2.exec(["ip", "route", "show", "root", "10.22.0.0/24"], { signal })).stdout;
    const via = String(stage.h1.underlay.address);
    expect(await routes()).toMatch(new RegExp(`^10\\.22\\.0\\.\\d+/28 via ${via} `, "m"));
    expect(await routes()).not.toContain(`${first.address} via`);
    const { address } = await stage.claim("named", "jobs", signal);
    await stage.run(stage.h1, "named", { network: "jobs", address }, signal);
    await reaches(stage.h2, "job-2", address, signal);
    expect(await routes()).toContain(`${address} via ${via} `);
  });
});
