import { setImmediate as immediate } from "node:timers/promises";
import { Name } from "@holdfast/core";
import { RecordingLogger } from "@holdfast/core/testing";
import { FakeWorkloads, fakeNetwork } from "@holdfast/docker-plugin/testing";
import type { AttachRequest } from "@holdfast/model";
import { FakeKernel } from "@holdfast/netlink/testing";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { createCniPlugin } from "./plugin.ts";
import { readInvocation } from "./protocol/invocation.ts";
import { ANNOTATIONS } from "./protocol/network-config.ts";
import type { CniResult } from "./protocol/result.ts";
import type { Handler } from "./server/server.ts";

const signal = AbortSignal.timeout(10_000);
const STICKY = { kind: "sticky", ttlSeconds: 60 } as const;
const NETWORKS = [
  fakeNetwork("web", ["10.20.0.0/16"]),
  fakeNetwork("pods", ["10.32.0.0/16"], { segment: 101, retention: STICKY }),
  fakeNetwork("both", ["10.40.0.0/16", "fd00:40::/64"], { segment: 102 }),
  fakeNetwork("far", ["10.60.0.0/16"], { kind: "routed", segment: 104 }),
  fakeNetwork("further", ["10.70.0.0/16"], { kind: "routed", segment: 105 }),
  fakeNetwork("inner", ["10.50.0.0/16"], {
    segment: 103,
    subnets: fakeNetwork("inner", ["10.50.0.0/16"]).subnets.map(({ prefix }) => ({ prefix })),
  }),
];

interface Asked {
  readonly containerId?: string;
  readonly ifName?: string;
  readonly args?: string;
  readonly annotations?: Record<string, string>;
  readonly config?: Record<string, unknown>;
}

describe("what a runtime says of its workload", () => {
  let kernel: FakeKernel;
  let workloads: FakeWorkloads;
  let plugin: Handler;

  beforeEach(() => {
    kernel = new FakeKernel();
    for (const name of ["c1", "c2", "c3"]) kernel.addNamespace(`/run/netns/${name}`);
    workloads = new FakeWorkloads({ networks: NETWORKS, sandboxLives: () => false });
    const { attach } = workloads;
    workloads.attach = async (request: AttachRequest, given) => {
      const port = await attach.call(workloads, request, given);
      const { interfaceName: peer, hostInterface: name, mac, mtu } = port;
      await kernel.createVeth({ name, peer, peerMac: mac, mtu, up: true });
      return port;
    };
    plugin = createCniPlugin({ workloads, kernel, logger: new RecordingLogger() }).handle;
  });

  const call = (command: string, { containerId = "c1", ifName = "eth0", args = "", annotations, config }: Asked) => {
    const env = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: `/run/netns/${containerId}`,
      CNI_IFNAME: ifName,
      CNI_ARGS: args,
    };
    const runtimeConfig = annotations === undefined ? {} : { [ANNOTATIONS]: annotations };
    const conf = { cniVersion: "1.1.0", name: "web", type: "holdfast", runtimeConfig, ...config };
    return plugin(readInvocation(env, JSON.stringify(conf)), signal);
  };
  const add = async (asked: Asked = {}) => JSON.parse(await call("ADD", asked)) as CniResult;
  const pod = (name: string): string => `K8S_POD_NAMESPACE=prod;K8S_POD_NAME=${name}`;
  const identities = () => workloads.live.map(({ claim }) => claim.identity);
  const addressOf = ({ ips }: CniResult): string => ips[0]?.address.split("/")[0] ?? "";

  describe("a pod", () => {
    test("keeps its address across containers where the network keeps addresses, and nobody else gets it", async () => {
      const conf = { config: { network: "pods" } };
      const first = addressOf(await add({ ...conf, args: pod("redis-0") }));
      expect(identities()).toEqual(["prod/redis-0"]);
      await call("DEL", conf);
      const other = addressOf(await add({ ...conf, containerId: "c2", args: pod("redis-1") }));
      expect(other).not.toBe(first);
      expect(addressOf(await add({ ...conf, containerId: "c3", args: pod("redis-0") }))).toBe(first);
    });

    test("has the limits that its runtime and its annotation ask for", async () => {
      const [reserve, attach] = [vi.spyOn(workloads, "reserve"), vi.spyOn(workloads, "attach")];
      const runtimeConfig = {
        bandwidth: { egressRate: 10_000_000, egressBurst: 0 },
        [ANNOTATIONS]: { "holdfast.io/qos": "gold" },
      };
      await add({ args: pod("redis-0"), config: { runtimeConfig } });
      expect(reserve.mock.lastCall?.[0].qos).toBe("gold");
      expect(attach.mock.lastCall?.[0].qos).toEqual({ egress: { rate: 10_000_000, burst: 65_536 } });
    });

    test("is reserved and attached with its labels; with some that are none, nothing is", async () => {
      const [reserve, attach] = [vi.spyOn(workloads, "reserve"), vi.spyOn(workloads, "attach")];
      await add({ args: pod("redis-0"), annotations: { "holdfast.io/labels": "app=redis" } });
      const labels = { app: "redis", "kubernetes.io/metadata.name": "prod" };
      expect(reserve.mock.lastCall?.[0].labels).toEqual(labels);
      expect(attach.mock.lastCall?.[0].labels).toEqual(labels);
      const wrong = add({ containerId: "c2", annotations: { "holdfast.io/labels": "redis" } });
      await expect(wrong).rejects.toMatchObject({ code: 7 });
      expect(reserve).toHaveBeenCalledTimes(1);
    });

    test("gets any address where the network keeps none, unless there is a claim for it", async () => {
      await add({ args: pod("redis-0") });
      expect(identities()).toEqual([expect.stringMatching(/^ephemeral/)]);
      workloads.claim(NETWORKS[0] ?? fakeNetwork("web", []), "prod/redis-1", ["10.20.0.99"]);
      expect(addressOf(await add({ containerId: "c2", args: pod("redis-1") }))).toBe("10.20.0.99");
    });

    test("keeps its address where it asks for that itself, and not where it asks for the contrary", async () => {
      const kept = { "holdfast.io/retention": "reserved", "holdfast.io/ip": "10.20.0.50" };
      await add({ args: pod("redis-0"), annotations: kept });
      expect(identities()).toEqual(["prod/redis-0"]);
      await call("DEL", {});
      expect(addressOf(await add({ args: pod("redis-0") }))).toBe("10.20.0.50");
      const fleeting = { "holdfast.io/retention": "ephemeral", "holdfast.io/network": "pods" };
      await add({ containerId: "c2", args: pod("job-1"), annotations: fleeting });
      expect(identities()[1]).toMatch(/^ephemeral/);
    });

    test("that is bound elsewhere is refused, naming where, and the other one keeps its address", async () => {
      const conf = { config: { network: "pods" }, args: pod("redis-0") };
      await add(conf);
      await expect(call("ADD", { ...conf, containerId: "c2" })).rejects.toMatchObject({
        code: "claim_bound",
        message: expect.stringContaining("prod/redis-0 by endpoint e1 of node-1"),
      });
      expect(workloads.live.map(({ phase }) => phase)).toEqual(["active"]);
    });

    test("of which the agent does not know the network is refused, rather than given an address that is not kept", async () => {
      await expect(add({ args: pod("a"), config: { network: "none" } })).rejects.toMatchObject({ code: "not_found" });
      expect(workloads.calls).not.toContain("reserve");
    });
  });

  test("an identity that is asked for has to have a claim, unless the network or the asker says how long it is kept", async () => {
    const annotations = { "holdfast.io/identity": "cache/a" };
    await expect(add({ annotations })).rejects.toMatchObject({ code: "not_found" });
    await add({ annotations, config: { network: "pods" } });
    await add({ containerId: "c2", annotations: { ...annotations, "holdfast.io/retention": "sticky:1h" } });
    expect(identities()).toEqual(["cache/a", "cache/a"]);
  });

  test("allocations of one Nomad group get an address each, also where the network keeps addresses", async () => {
    const group = { config: { network: "pods" }, args: "NOMAD_JOB_ID=cache;NOMAD_GROUP_NAME=redis" };
    await add(group);
    await add({ ...group, containerId: "c2" });
    expect(identities()).toEqual([expect.stringMatching(/^ephemeral/), expect.stringMatching(/^ephemeral/)]);
  });

  test("a MAC that is not the address's is refused with the reason, and nothing stays", async () => {
    const MAC = "02:00:00:00:00:99";
    await expect(add({ args: `MAC=${MAC};IP=10.20.0.50` })).rejects.toMatchObject({
      code: 7,
      message: expect.stringMatching(
        /MAC 02:00:00:00:00:99 is asked for, and 10.20.0.50 has 02:.*follows from the address/,
      ),
    });
    expect(workloads.live).toEqual([]);
    const [{ mac = "" } = {}] = (await add({ args: "IP=10.20.0.50" })).interfaces;
    await call("DEL", {});
    expect((await add({ args: `MAC=${mac};IP=10.20.0.50` })).interfaces[0]).toMatchObject({ mac });
  });

  test("several addresses that are free, of one family or both, become those of one claim", async () => {
    const { ips } = await add({ args: "IP=fd00:40::50,10.40.0.50/24", config: { network: "both" } });
    expect(ips).toMatchObject([{ address: "10.40.0.50/16" }, { address: "fd00:40::50/64" }]);
    const runtimeConfig = { ips: ["10.20.0.50", "10.20.0.51"] };
    const two = await add({ containerId: "c2", config: { runtimeConfig } });
    expect(two.ips).toMatchObject([{ address: "10.20.0.50/16" }, { address: "10.20.0.51/16" }]);
  });

  test("addresses of a claim and of nobody are refused, and nothing stays", async () => {
    workloads.claim(NETWORKS[0] ?? fakeNetwork("web", []), "a", ["10.20.0.50"]);
    await expect(add({ args: "IP=10.20.0.50,10.20.0.51" })).rejects.toThrow(
      "10.20.0.50 and 10.20.0.51 are asked for, and 10.20.0.50 is of a claim that has not the other",
    );
    expect(workloads.live).toEqual([]);
  });

  test("what is refused on ADD does not keep DEL from its work", async () => {
    await add();
    const runtimeConfig = { bandwidth: { ingressRate: 1 }, portMappings: [{ hostPort: 0, containerPort: 80 }] };
    const config = { runtimeConfig, network: "No Name", args: 7, prevResult: { ips: 7 } };
    await expect(add({ containerId: "c2", config })).rejects.toMatchObject({ code: 7 });
    await call("DEL", { args: "GATEWAY", config });
    expect(workloads.live).toEqual([]);
  });

  describe("several interfaces of one container", () => {
    const defaults = async (): Promise<readonly (string | undefined)[]> => {
      const sandbox = await kernel.enter("/run/netns/c1");
      const routes = await sandbox.listRoutes();
      return routes.filter(({ prefix }) => prefix.endsWith("/0")).map(({ prefix, link }) => `${link} ${prefix}`);
    };
    const second = (config: object = {}): Asked => ({
      ifName: "net1",
      config: { name: "two", network: "both", ...config },
    });

    test("have the default route at the first, of each family", async () => {
      expect((await add()).routes).toMatchObject([{ dst: "0.0.0.0/0", gw: "10.20.0.1" }]);
      const { routes, ips } = await add(second());
      expect(routes).toMatchObject([{ dst: "::/0", gw: "fd00:40::1" }]);
      expect(ips).toMatchObject([{ gateway: "10.40.0.1" }, { gateway: "fd00:40::1" }]);
      expect(await defaults()).toEqual(["eth0 0.0.0.0/0", "net1 ::/0"]);
    });

    test("have it where it is asked for, and are checked for just that", async () => {
      const first = { config: { defaultRoute: false } };
      const [prevResult, other] = [await add(first), await add(second({ defaultRoute: true }))];
      expect([prevResult.routes, other.routes.length]).toEqual([[], 2]);
      expect(await defaults()).toEqual(["net1 0.0.0.0/0", "net1 ::/0"]);
      expect(await call("CHECK", { config: { ...first.config, prevResult } })).toBe("");
      const checked = second({ defaultRoute: true, prevResult: other });
      expect(await call("CHECK", checked)).toBe("");
      const sandbox = await kernel.enter("/run/netns/c1");
      for (const route of await sandbox.listRoutes()) if (route.prefix === "::/0") await sandbox.deleteRoute(route);
      await expect(call("CHECK", checked)).rejects.toThrow("the route ::/0 via fd00:40::1 is missing");
    });

    test("of which two ask for it are refused at the second, which leaves the first alone", async () => {
      await add({ config: { defaultRoute: true } });
      await expect(add(second({ defaultRoute: true }))).rejects.toMatchObject({
        code: 7,
        message: expect.stringContaining("eth0 has the route 0.0.0.0/0 in /run/netns/c1 already"),
      });
      expect(await defaults()).toEqual(["eth0 0.0.0.0/0"]);
      expect(workloads.live).toHaveLength(1);
    });

    test("of routed networks, which all have one gateway address, lead to their own networks each", async () => {
      const far = { config: { name: "far" } };
      const further = { ifName: "net1", config: { name: "further" } };
      const [first, other] = [await add(far), await add(further)];
      expect([first.routes.map(({ dst }) => dst), other.routes.map(({ dst }) => dst)]).toEqual([
        ["0.0.0.0/0"],
        ["10.70.0.0/16"],
      ]);
      const sandbox = await kernel.enter("/run/netns/c1");
      const { index = 0 } = (await sandbox.getLink("net1")) ?? {};
      const routes = await sandbox.listRoutes({ protocol: 4 });
      expect(routes.map(({ prefix, link, metric = 0 }) => [prefix, link, metric])).toEqual(
        expect.arrayContaining([
          ["169.254.1.1/32", "eth0", 0],
          ["169.254.1.1/32", "net1", 1000 + index],
          ["10.70.0.0/16", "net1", 0],
        ]),
      );
      for (const [each, prevResult] of [
        [far, first],
        [further, other],
      ] as const) {
        expect(await call("CHECK", { ...each, config: { ...each.config, prevResult } })).toBe("");
      }
      for (const route of routes) if (route.link === "net1") await sandbox.deleteRoute(route);
      const checked = { ...further, config: { ...further.config, prevResult: other } };
      await expect(call("CHECK", checked)).rejects.toThrow(
        "the route 169.254.1.1/32 on net1 is missing; the route 10.70.0.0/16 via 169.254.1.1 is missing",
      );
    });

    test("that come at the same time have one default route", async () => {
      const { enter } = kernel;
      kernel.enter = async (path) => {
        const sandbox = await enter.call(kernel, path);
        const { listRoutes } = sandbox;
        // The answer is older than the other one's way to the same place.
        sandbox.listRoutes = async (filter) => {
          const routes = await listRoutes.call(sandbox, filter);
          while (workloads.calls.filter((each) => each === "joined").length < 2) await immediate();
          for (let count = 0; count < 20; count++) await immediate();
          return routes;
        };
        return sandbox;
      };
      const results = await Promise.all([add(), add(second())]);
      // What the last one has replaced, the first one would still say.
      expect(results.flatMap(({ routes }) => routes).filter(({ dst }) => dst === "0.0.0.0/0")).toHaveLength(1);
      expect((await defaults()).filter((text) => text?.endsWith("0.0.0.0/0"))).toHaveLength(1);
    });

    test("of a network without a gateway leave it to another", async () => {
      expect((await add({ config: { network: "inner", defaultRoute: true } })).routes).toEqual([]);
      expect((await add(second())).routes).toHaveLength(2);
    });

    test("end one by one", async () => {
      await add();
      await add(second());
      await call("DEL", { config: {} });
      expect(workloads.live.map(({ network }) => network)).toEqual([Name.parse("both")]);
    });

    test("are told apart by annotations that name one", async () => {
      const annotations = { "net1.holdfast.io/ip": "10.40.0.77", "eth0.holdfast.io/ip": "10.20.0.77" };
      expect(addressOf(await add({ annotations }))).toBe("10.20.0.77");
      expect(addressOf(await add({ ...second(), annotations }))).toBe("10.40.0.77");
    });
  });

  describe("a plugin before this one", () => {
    const prevResult = {
      cniVersion: "1.1.0",
      interfaces: [
        { name: "br0", mac: "02:00:00:00:00:01" },
        { name: "vm0", sandbox: "/run/netns/c1", socketPath: "/s" },
      ],
      ips: [{ address: "192.168.9.2/24", interface: 1 }],
      routes: [{ dst: "192.168.10.0/24", gw: "192.168.9.1", advmss: 1400 }],
      dns: { nameservers: ["192.168.9.1"], domain: "old" },
    };

    test("finds all that it has made in the result, with what is added behind it", async () => {
      const dns = { nameservers: ["10.20.0.53"] };
      const { interfaces, ips, routes, dns: said } = await add({ config: { prevResult, dns } });
      expect(interfaces).toEqual([
        ...prevResult.interfaces,
        expect.objectContaining({ name: "eth0", sandbox: "/run/netns/c1" }),
        { name: expect.stringMatching(/^near/), mac: expect.any(String) },
      ]);
      expect(ips).toMatchObject([...prevResult.ips, { interface: 2 }]);
      expect(routes).toMatchObject([...prevResult.routes, { dst: "0.0.0.0/0" }]);
      expect(said).toEqual({ nameservers: ["10.20.0.53"], domain: "old" });
    });

    test("and what it says is refused before anything is taken when it cannot be read", async () => {
      const wrong = { ...prevResult, ips: [{ address: "192.168.9.2" }] };
      await expect(add({ config: { prevResult: wrong } })).rejects.toMatchObject({ code: 7 });
      expect(workloads.calls).toEqual([]);
    });

    test("is no matter to CHECK, which wants its own things there", async () => {
      const whole = await add({ config: { prevResult } });
      expect(await call("CHECK", { config: { prevResult: whole } })).toBe("");
      const without = { ...whole, interfaces: whole.interfaces.filter(({ name }) => name !== "eth0"), ips: [] };
      await expect(call("CHECK", { config: { prevResult: without } })).rejects.toThrow(
        /prevResult lacks interface eth0; prevResult lacks address 10\.20\./,
      );
    });
  });

  test("DNS of the pod counts before that of the configuration, part by part", async () => {
    const dns = { nameservers: ["10.0.0.1"], domain: "a", search: ["a"], options: ["ndots:1"] };
    const runtimeConfig = { dns: { servers: ["10.0.0.2"], searches: ["b", "c"] } };
    expect((await add({ config: { dns, runtimeConfig } })).dns).toEqual({
      ...dns,
      nameservers: ["10.0.0.2"],
      search: ["b", "c"],
    });
    expect((await add({ containerId: "c2" })).dns).toEqual({});
  });
});
