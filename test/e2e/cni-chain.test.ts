import { dirname, join } from "node:path";
import { type CniAnswer, type CniContainer, type ConfList, createCniRuntime, type LabHost } from "@holdfast/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killed, repeated } from "./machine.ts";
import { Stage } from "./stage.ts";

const SHIM = join(import.meta.dirname, "../../packages/cni/build/holdfast");
/** Ours, and Debian's of the package containernetworking-plugins. */
const PLUGIN_DIRS = [dirname(SHIM), "/usr/lib/cni"];

let stage: Stage;

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  stage = await Stage.create({ title: "chain", vlans: { 100: ["10.20.0.1/16"], 101: ["10.30.0.1/16"] } }, signal);
  await stage.network("web", "--kind vlan --vlan 100 --subnet 10.20.0.0/16 --retention sticky:1h", signal);
  await stage.network("store", "--kind vlan --vlan 101 --subnet 10.30.0.0/16", signal);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

const runtimeOf = (host: LabHost) =>
  createCniRuntime({ exec: (argv, options) => host.tryExec(argv, options), pluginDirs: PLUGIN_DIRS });

async function container(host: LabHost, name: string, signal: AbortSignal): Promise<CniContainer> {
  await host.exec(["ip", "netns", "add", name], { signal });
  return { containerId: name, netns: `/run/netns/${name}` };
}

const list = (...after: ConfList["plugins"]): ConfList => ({
  cniVersion: "1.0.0",
  name: "web",
  plugins: [{ type: "holdfast", network: "web" }, ...after],
});
const addressOf = ({ ips = [] }: CniAnswer): string => ips[0]?.address.split("/")[0] ?? "";
const inside = async (host: LabHost, name: string, words: string, signal: AbortSignal): Promise<string> =>
  (await host.exec(["ip", "netns", "exec", name, ...words.split(" ")], { signal })).stdout;
const isBookEmpty = (signal: AbortSignal) =>
  stage.bookHas(({ endpoints }) => (endpoints.length === 0 ? true : undefined), signal);

async function answers(address: string, signal: AbortSignal): Promise<void> {
  await repeated(async () => ((await stage.answersRouter(address, signal)) ? true : undefined), signal);
}

describe("Debian's plugins after ours", () => {
  test("bandwidth limits what it finds by the host's end of the pair", async ({ signal }) => {
    const runtime = runtimeOf(stage.h1);
    const chain = list({ type: "bandwidth", capabilities: { bandwidth: true } });
    const limited = {
      ...(await container(stage.h1, "slow", signal)),
      capabilityArgs: { bandwidth: { ingressRate: 8_000_000, ingressBurst: 800_000 } },
    };
    const result = await runtime.add(chain, limited, signal);
    const host = result.interfaces?.find(({ sandbox = "" }) => sandbox === "");
    expect(result.interfaces?.[result.ips?.[0]?.interface ?? -1]).toMatchObject({
      name: "eth0",
      sandbox: limited.netns,
    });
    const links = JSON.parse((await stage.h1.exec(["ip", "-j", "link", "show", host?.name ?? ""], { signal })).stdout);
    expect(links).toMatchObject([{ address: host?.mac }]);
    const queues = await stage.h1.exec(["tc", "qdisc", "show", "dev", host?.name ?? ""], { signal });
    expect(queues.stdout).toContain("tbf");
    await answers(addressOf(result), signal);
    await runtime.check(chain, limited, signal);
    await runtime.del(chain, limited, signal);
    await isBookEmpty(signal);
  });

  test("tuning, firewall and portmap do their part, are checked, and go", async ({ signal }) => {
    const runtime = runtimeOf(stage.h1);
    const before = [
      { type: "tuning", sysctl: { "net.ipv4.ip_default_ttl": "33" } },
      { type: "firewall", backend: "iptables" },
    ];
    const chain = list(...before, { type: "portmap", capabilities: { portMappings: true }, snat: false });
    const portMappings = [{ hostPort: 8089, containerPort: 80, protocol: "tcp" }];
    const one = { ...(await container(stage.h1, "chained", signal)), capabilityArgs: { portMappings } };
    const result = await runtime.add(chain, one, signal);
    const address = addressOf(result);
    expect(await inside(stage.h1, "chained", "cat /proc/sys/net/ipv4/ip_default_ttl", signal)).toBe("33\n");
    const rules = async () => (await stage.h1.exec(["iptables-save"], { signal })).stdout;
    expect(await rules()).toMatch(new RegExp(`dport 8089 .*--to-destination ${address}:80`));
    expect(await rules()).toContain(`-d ${address}/32`);
    await answers(address, signal);
    // Debian's portmap looks for rules of IPv6 also when there is no such address.
    await runtime.check(list(...before), one, signal);
    await runtime.del(chain, one, signal);
    expect(await rules()).not.toContain(address);
    await isBookEmpty(signal);
  });
});

test("a port that our own part declares is published without portmap, to one container alone", async ({ signal }) => {
  const runtime = runtimeOf(stage.h1);
  const publishing: ConfList = {
    ...list(),
    plugins: [{ type: "holdfast", network: "web", capabilities: { portMappings: true } }],
  };
  const capabilityArgs = { portMappings: [{ hostPort: 8090, containerPort: 80, protocol: "tcp" }] };
  const one = { ...(await container(stage.h1, "pub-a", signal)), capabilityArgs };
  const other = { ...(await container(stage.h1, "pub-b", signal)), capabilityArgs };
  await runtime.add(publishing, one, signal);
  const serve = "mkdir -p /run/www && echo pub-a > /run/www/index.html && exec /bin/busybox httpd -p 80 -h /run/www";
  const words = ["ip", "netns", "exec", "pub-a", "sh", "-c", `(${serve}) > /dev/null 2>&1 < /dev/null`];
  await stage.h1.exec(words, { signal });
  const place = `http://${String(stage.h1.managementAddress)}:8090/`;
  const get = ["timeout", "2", "/bin/busybox", "wget", "-q", "-O", "-", place];
  const served = await repeated(async () => (await stage.h2.tryExec(get, { signal })).stdout || undefined, signal);
  expect(served).toBe("pub-a\n");
  await expect(runtime.add(publishing, other, signal)).rejects.toMatchObject({
    code: 101,
    message: expect.stringMatching(/^port 8090\/tcp of this node \(\S+\) leads to container pub-a of /),
  });
  await runtime.del(publishing, one, signal);
  await runtime.add(publishing, other, signal);
  await runtime.del(publishing, other, signal);
  await isBookEmpty(signal);
});

describe("a pod", () => {
  test("has an interface in each of two networks, the default route at the first, and loses both", async ({
    signal,
  }) => {
    const runtime = runtimeOf(stage.h1);
    const store: ConfList = { cniVersion: "1.0.0", name: "store", plugins: [{ type: "holdfast" }] };
    const eth0 = await container(stage.h1, "both", signal);
    const net1 = { ...eth0, ifName: "net1" };
    const first = await runtime.add(list(), eth0, signal);
    const second = await runtime.add(store, net1, signal);
    expect([first.routes, second.routes]).toEqual([[{ dst: "0.0.0.0/0", gw: "10.20.0.1" }], []]);
    const routes = await inside(stage.h1, "both", "ip route", signal);
    expect(routes).toMatch(/default via 10\.20\.0\.1 dev eth0/);
    expect(routes).toMatch(/10\.30\.0\.0\/16 dev net1/);
    await answers(addressOf(first), signal);
    await answers(addressOf(second), signal);
    for (const [each, at] of [
      [list(), eth0],
      [store, net1],
    ] as const)
      await runtime.check(each, at, signal);
    await runtime.del(list(), eth0, signal);
    await answers(addressOf(second), signal);
    await runtime.del(store, net1, signal);
    await isBookEmpty(signal);
  });

  test("has interfaces in two routed networks, which both have the same gateway address, and is reached at each", async ({
    signal,
  }) => {
    const runtime = runtimeOf(stage.h1);
    const lists = ["far", "further"].map((name): ConfList => ({ ...list(), name, plugins: [{ type: "holdfast" }] }));
    const subnets = ["--subnet 10.60.0.0/16 --subnet fd00:60::/64", "--subnet 10.70.0.0/16 --subnet fd00:70::/64"];
    for (const [index, { name }] of lists.entries()) {
      await stage.holdfast(`network create ${name} --kind routed --no-docker ${subnets[index]}`, signal);
    }
    const pods = [await container(stage.h1, "routed-a", signal), await container(stage.h1, "routed-b", signal)];
    const given = new Map<CniContainer, readonly string[]>();
    for (const pod of pods) {
      const addresses: string[] = [];
      for (const [index, each] of lists.entries()) {
        const at = { ...pod, ifName: `eth${index}` };
        const result = await repeated(() => runtime.add(each, at, signal).catch(() => undefined), signal);
        await runtime.check(each, at, signal);
        addresses.push(...(result.ips ?? []).map(({ address }) => address.split("/")[0] ?? ""));
      }
      given.set(pod, addresses);
    }
    const [first, second] = pods;
    expect(await inside(stage.h1, "routed-a", "ip route", signal)).toMatch(
      /default via 169\.254\.1\.1 dev eth0[\s\S]*10\.70\.0\.0\/16 via 169\.254\.1\.1 dev eth1/,
    );
    for (const [from, to] of [
      [first, second],
      [second, first],
    ] as const) {
      for (const address of to === undefined ? [] : (given.get(to) ?? [])) {
        const words = ["ip", "netns", "exec", from?.containerId ?? "", "ping", "-c", "1", "-W", "1", address];
        await repeated(async () => ((await stage.h1.tryExec(words, { signal })).code === 0 ? true : undefined), signal);
      }
    }
    for (const pod of pods) {
      for (const [index, each] of lists.entries()) await runtime.del(each, { ...pod, ifName: `eth${index}` }, signal);
    }
    await isBookEmpty(signal);
  });

  test("of a StatefulSet has its address and MAC again on another host, and nobody has both at once", async ({
    signal,
  }) => {
    const args =
      "IgnoreUnknown=1;K8S_POD_NAMESPACE=prod;K8S_POD_NAME=redis-0;K8S_POD_INFRA_CONTAINER_ID=x;K8S_POD_UID=7";
    const [here, there] = [runtimeOf(stage.h1), runtimeOf(stage.h2)];
    const first = { ...(await container(stage.h1, "pod-a", signal)), args };
    const again = { ...(await container(stage.h2, "pod-b", signal)), args };
    const before = await here.add(list(), first, signal);
    await expect(there.add(list(), again, signal)).rejects.toMatchObject({
      code: 101,
      message: expect.stringMatching(
        /prod\/redis-0 \(10\.20\.\d+\.\d+\) is bound on node \S+ by endpoint .*move the claim by force/,
      ),
    });
    await here.del(list(), first, signal);
    const after = await repeated(() => there.add(list(), again, signal).catch(() => undefined), signal);
    expect([addressOf(after), after.interfaces?.[0]?.mac]).toEqual([addressOf(before), before.interfaces?.[0]?.mac]);
    await answers(addressOf(after), signal);
    expect(await stage.holdfast("claim list --network web", signal)).toMatch(/prod\/redis-0 .*sticky 1h/);
    await there.del(list(), again, signal);
    await isBookEmpty(signal);
  });

  test("says in annotations who it is and what it has", async ({ signal }) => {
    const runtime = runtimeOf(stage.h1);
    const annotated = (annotations: Record<string, string>) => ({
      ...{ containerId: "said", netns: "/run/netns/said" },
      capabilityArgs: { "io.kubernetes.cri.pod-annotations": annotations },
    });
    const chain: ConfList = {
      ...list(),
      plugins: [{ type: "holdfast", network: "web", capabilities: { "io.kubernetes.cri.pod-annotations": true } }],
    };
    await container(stage.h1, "said", signal);
    const wished = annotated({
      "holdfast.io/network": "store",
      "holdfast.io/identity": "cache/a",
      "holdfast.io/ip": "10.30.0.77/24",
      "holdfast.io/retention": "reserved",
    });
    expect(addressOf(await runtime.add(chain, wished, signal))).toBe("10.30.0.77");
    await runtime.del(chain, wished, signal);
    expect(await stage.holdfast("claim list --network store", signal)).toMatch(/cache\/a +10\.30\.0\.77 .*reserved/);
    const free = annotated({ "holdfast.io/network": "store", "holdfast.io/ip": "10.30.0.91, 10.30.0.90" });
    expect((await runtime.add(chain, free, signal)).ips?.map(({ address }) => address).sort()).toEqual([
      "10.30.0.90/16",
      "10.30.0.91/16",
    ]);
    await runtime.del(chain, free, signal);
    const foreign = annotated({
      "holdfast.io/network": "store",
      "holdfast.io/identity": "b",
      "holdfast.io/ip": "10.30.0.77",
    });
    await expect(runtime.add(chain, foreign, signal)).rejects.toMatchObject({
      code: 101,
      message: expect.stringContaining("10.30.0.77 belongs to cache/a"),
    });
    await isBookEmpty(signal);
  });
});

test("a pinned namespace without a process is alive, also to an agent that starts", async ({ signal }) => {
  const runtime = runtimeOf(stage.h1);
  const pinned = await container(stage.h1, "pinned", signal);
  const address = addressOf(await runtime.add(list(), pinned, signal));
  await answers(address, signal);
  await killed(stage.h1, "agent", signal);
  await stage.platform.startAgent(stage.h1);
  await stage.endpointIn(address, "active", signal);
  expect(await stage.holdfast("ip verify --fix", signal)).toContain("no difference\n");
  await runtime.check(list(), pinned, signal);
  await answers(address, signal);
  await runtime.del(list(), pinned, signal);
  await isBookEmpty(signal);
});
