import { HoldfastError, IpAddress, MacAddress, Name } from "@holdfast/core";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import { FakeWorkloads, fakeNetwork, fakeRoutedNetwork } from "@holdfast/docker-plugin/testing";
import type { AttachRequest } from "@holdfast/model";
import { FakeKernel } from "@holdfast/netlink/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { type CniPlugin, createCniPlugin } from "./plugin.ts";
import { readInvocation } from "./protocol/invocation.ts";
import type { Handler } from "./server/server.ts";

const NETNS = "/run/netns/c1";
const NETWORKS = [fakeNetwork("web", ["10.20.0.0/16"]), fakeRoutedNetwork("pods", ["10.50.0.0/24"])];
const signal = AbortSignal.timeout(10_000);

describe("the CNI plugin", () => {
  let kernel: FakeKernel;
  let workloads: FakeWorkloads;
  let logger: RecordingLogger;
  let whole: CniPlugin;
  let plugin: Handler;

  beforeEach(() => {
    kernel = new FakeKernel();
    for (const path of [NETNS, "/run/netns/c2"]) kernel.addNamespace(path);
    workloads = new FakeWorkloads({ networks: NETWORKS, sandboxLives: () => false });
    const { attach } = workloads;
    // The fake agent has no kernel.
    workloads.attach = async (request: AttachRequest, given) => {
      const port = await attach.call(workloads, request, given);
      const { interfaceName: peer, hostInterface: name, mac, mtu } = port;
      const isHere = (await kernel.getLink(name)) !== undefined;
      if (!isHere) await kernel.createVeth({ name, peer, peerMac: mac, mtu, up: true });
      return port;
    };
    logger = new RecordingLogger();
    whole = createCniPlugin({ workloads, kernel, logger });
    plugin = whole.handle;
  });

  const call = (command: string, change: { env?: Record<string, string>; config?: object } = {}) => {
    const env = { CNI_COMMAND: command, CNI_CONTAINERID: "c1", CNI_NETNS: NETNS, CNI_IFNAME: "eth0", ...change.env };
    const config = { cniVersion: "1.1.0", name: "web", type: "holdfast", ...change.config };
    return plugin(readInvocation(env, JSON.stringify(config)), signal);
  };
  const add = async (change?: Parameters<typeof call>[1]) => JSON.parse(await call("ADD", change)) as Added;
  const inside = async (path = NETNS) => await kernel.enter(path);
  const phases = () => workloads.endpoints.map(({ phase }) => phase);

  interface Added {
    readonly interfaces: readonly [{ readonly mac: string }];
    readonly ips: readonly [{ readonly address: string }];
  }

  describe("ADD", () => {
    test("gives the container its interface with address, route and MTU, and says so", async () => {
      const result = await add();
      const { mac } = result.interfaces[0];
      expect(result).toMatchObject({
        cniVersion: "1.1.0",
        interfaces: [
          { name: "eth0", mtu: 1500, sandbox: NETNS },
          { name: expect.stringMatching(/^nearhf/), mac: expect.any(String) },
        ],
        ips: [{ gateway: expect.any(String), interface: 0 }],
        routes: [{ dst: "0.0.0.0/0" }],
      });
      const sandbox = await inside();
      expect(await sandbox.getLink("eth0")).toMatchObject({ mac, up: true, mtu: 1500 });
      const [own] = await sandbox.listAddresses("eth0");
      expect(`${own?.address}/${own?.length}`).toBe(result.ips[0].address);
      expect(await sandbox.listRoutes()).toContainEqual(expect.objectContaining({ prefix: "0.0.0.0/0", link: "eth0" }));
      expect(phases()).toEqual(["active"]);
    });

    test("in a routed network gives an address of its own alone, and a way to a gateway that is in no prefix", async () => {
      const config = { name: "pods" };
      const result = await add({ config });
      expect(result).toMatchObject({
        ips: [{ address: expect.stringMatching(/^10\.50\.0\.\d+\/32$/), gateway: "169.254.1.1" }],
        routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1" }],
      });
      const sandbox = await inside();
      const routes = await sandbox.listRoutes();
      expect(routes).toContainEqual(expect.objectContaining({ prefix: "169.254.1.1/32", link: "eth0" }));
      expect(await call("CHECK", { config: { ...config, prevResult: result } })).toBe("");
      const onLink = routes.find(({ prefix }) => prefix === "169.254.1.1/32");
      if (onLink !== undefined) await sandbox.deleteRoute(onLink);
      const check = call("CHECK", { config: { ...config, prevResult: result } });
      await expect(check).rejects.toThrow("the route 169.254.1.1/32 on eth0 is missing");
    });

    test("again gives the same, whatever the first has come to", async () => {
      const first = await add();
      expect(await add()).toEqual(first);
      expect(workloads.endpoints).toHaveLength(1);
    });

    test.each([
      { step: "moving the interface", operation: "setLink" },
      { step: "setting its address", operation: "replaceAddress" },
      { step: "setting its route", operation: "replaceRoute" },
    ] as const)("that fails at $step leaves no attachment and no address", async ({ operation }) => {
      kernel.failNext(operation, "EBUSY");
      await expect(call("ADD")).rejects.toThrow("EBUSY");
      expect(phases()).toEqual(["released"]);
    });

    test("that fails again for a container that runs takes nothing from it", async () => {
      await add();
      kernel.failNext("replaceAddress", "EBUSY");
      await expect(call("ADD")).rejects.toThrow("EBUSY");
      expect(phases()).toEqual(["active"]);
    });

    test("does not touch an interface of that name that is another's", async () => {
      const sandbox = await inside();
      await sandbox.createVeth({ name: "eth0", peer: "other", mtu: 1500 });
      await expect(call("ADD")).rejects.toThrow(/CNI_IFNAME eth0 exists .* remove it or use another name/);
      expect(workloads.calls).toEqual([]);
    });

    test.each([
      { what: "is missing", path: "/run/netns/none" },
      { what: "is none", path: "/etc/hostname" },
      { what: "is the machine's own", path: "/proc/self/ns/net" },
    ])("into a namespace that $what is refused with code 8, and takes no address", async ({ path }) => {
      kernel.addFile("/etc/hostname");
      kernel.addNamespace("/proc/self/ns/net");
      await expect(call("ADD", { env: { CNI_NETNS: path } })).rejects.toMatchObject({ code: 8 });
      expect(workloads.calls).toEqual([]);
    });

    test.each([
      { by: "the capability ips", config: { runtimeConfig: { ips: ["10.20.0.77/16"] } }, env: {} },
      { by: "IP= with a length", config: {}, env: { CNI_ARGS: "IgnoreUnknown=1;IP=10.20.0.77/24" } },
      { by: "IP= without", config: {}, env: { CNI_ARGS: "IP=10.20.0.77" } },
    ])("takes the address that is asked for by $by", async (change) => {
      expect((await add(change)).ips[0].address).toMatch(/^10\.20\.0\.77\/\d+$/);
    });

    test("refuses an address that is none, naming it", async () => {
      await expect(call("ADD", { env: { CNI_ARGS: "IP=10.20.0" } })).rejects.toThrow('"10.20.0" is asked for');
    });

    test("refuses an address that is another's, and names the owner", async () => {
      const CNI_ARGS = "IP=10.20.0.77";
      await call("ADD", { env: { CNI_ARGS } });
      const second = { CNI_CONTAINERID: "c2", CNI_NETNS: "/run/netns/c2", CNI_ARGS };
      await expect(call("ADD", { env: second })).rejects.toMatchObject({ code: "claim_bound" });
    });

    test("hands on the ports that are to lead to it", async () => {
      const portMappings = [
        { hostPort: 8080, containerPort: 80 },
        { hostPort: 53, containerPort: 53, protocol: "UDP", hostIP: "192.168.1.1" },
      ];
      await call("ADD", { config: { runtimeConfig: { portMappings } } });
      expect(workloads.endpoints[0]?.ports).toEqual([
        { hostPort: 8080, containerPort: 80, protocol: "tcp" },
        { hostPort: 53, containerPort: 53, protocol: "udp", hostAddress: IpAddress.parse("192.168.1.1") },
      ]);
    });

    test("of many at once gives each its own", async () => {
      const names = Array.from({ length: 20 }, (_, index) => `x${index}`);
      for (const name of names) kernel.addNamespace(`/run/netns/${name}`);
      const results = await Promise.all(
        names.map((name) => add({ env: { CNI_CONTAINERID: name, CNI_NETNS: `/run/netns/${name}` } })),
      );
      expect(new Set(results.map(({ ips }) => ips[0].address)).size).toBe(20);
    });
  });

  describe("DEL", () => {
    test("gives the address back, also twice and for what never was", async () => {
      await add();
      expect(await call("DEL")).toBe("");
      expect(await call("DEL")).toBe("");
      expect(await call("DEL", { env: { CNI_CONTAINERID: "never", CNI_NETNS: "" } })).toBe("");
      expect(phases()).toEqual(["released"]);
    });

    test.each([
      { by: "DEL", config: {} },
      { by: "GC", config: { "cni.dev/valid-attachments": [] } },
    ])(
      "by $by frees the interface's name at once: the link itself goes behind its caller's back",
      async ({ by, config }) => {
        await add();
        await call(by, { config });
        const sandbox = await inside();
        expect(await sandbox.getLink("eth0")).toBeUndefined();
        expect((await add()).interfaces[0]).toMatchObject({ name: "eth0" });
      },
    );

    test("goes on when the name cannot be freed", async () => {
      await add();
      kernel.failNext("setLink", "EBUSY");
      await call("DEL");
      expect(phases()).toEqual(["released"]);
    });

    test("of a container whose sandbox has gone finds no name to free, and nothing wrong", async () => {
      await add();
      kernel.removeNamespace(NETNS);
      await call("DEL");
      expect(phases()).toEqual(["released"]);
      expect(logger.events.filter(({ level }) => level === "warn")).toEqual([]);
    });

    test("leaves an interface of that name that is another's by now", async () => {
      await add();
      const sandbox = await inside();
      await sandbox.setLink("eth0", { mac: MacAddress.parse("02:00:00:00:00:99") });
      await call("DEL");
      expect(await sandbox.getLink("eth0")).toBeDefined();
    });

    test("for a container of before does not touch its successor with the same name", async () => {
      await add();
      kernel.addNamespace("/run/netns/c1b");
      await add({ env: { CNI_CONTAINERID: "c1b", CNI_NETNS: "/run/netns/c1b" } });
      await call("DEL");
      expect(phases()).toEqual(["released", "active"]);
    });

    test("waits for the ADD of the same container that is under way", async () => {
      const release = workloads.hold("attach");
      const adding = call("ADD");
      const deleting = call("DEL");
      release();
      await Promise.all([adding, deleting]);
      expect(phases()).toEqual(["released"]);
    });
  });

  describe("CHECK", () => {
    const checked = async (spoil: (sandbox: Awaited<ReturnType<typeof inside>>) => Promise<unknown>) => {
      const prevResult = await add();
      await spoil(await inside());
      return await call("CHECK", { config: { prevResult } });
    };

    test("is content with what ADD has made, and with what others have added", async () => {
      expect(
        await checked((sandbox) => sandbox.replaceRoute({ prefix: "192.168.0.0/16", link: "eth0", protocol: 4 })),
      ).toBe("");
    });

    test.each([
      {
        what: "the interface is down",
        text: "interface eth0 is down",
        spoil: (kernel: FakeKernel) => kernel.setLink("eth0", { up: false }),
      },
      {
        what: "the MAC is another",
        text: "has MAC 02:00:00:00:00:99 instead of",
        spoil: (kernel: FakeKernel) => kernel.setLink("eth0", { mac: MacAddress.parse("02:00:00:00:00:99") }),
      },
      {
        what: "the address is gone",
        text: "is missing on eth0",
        spoil: async (kernel: FakeKernel) => {
          for (const address of await kernel.listAddresses("eth0")) await kernel.deleteAddress(address);
        },
      },
      {
        what: "the route is gone",
        text: "the route 0.0.0.0/0 via",
        spoil: async (kernel: FakeKernel) => {
          for (const route of await kernel.listRoutes())
            if (route.prefix === "0.0.0.0/0") await kernel.deleteRoute(route);
        },
      },
      {
        what: "the interface is gone",
        text: "interface eth0 is missing",
        spoil: (kernel: FakeKernel) => kernel.deleteLink("eth0"),
      },
    ])("says when $what", async ({ text, spoil }) => {
      await expect(checked((sandbox) => spoil(sandbox as FakeKernel))).rejects.toThrow(text);
    });

    test("says when the container is not attached, and that prevResult is needed", async () => {
      await expect(call("CHECK", { config: { prevResult: {} } })).rejects.toMatchObject({ code: 3 });
      await expect(call("CHECK")).rejects.toMatchObject({ code: 7 });
    });
  });

  describe("GC", () => {
    const valid = (...attachments: readonly { containerID: string; ifname: string }[]) => ({
      config: { "cni.dev/valid-attachments": attachments },
    });

    beforeEach(async () => {
      await add();
      await add({ env: { CNI_CONTAINERID: "c2", CNI_NETNS: "/run/netns/c2" } });
    });

    test("removes what is not in the list, and nothing else", async () => {
      await call("GC", valid({ containerID: "c2", ifname: "eth0" }));
      expect(phases()).toEqual(["released", "active"]);
    });

    test("without a list removes nothing; with an empty one everything", async () => {
      await call("GC");
      expect(phases()).toEqual(["active", "active"]);
      await call("GC", valid());
      expect(phases()).toEqual(["released", "released"]);
    });

    test("leaves a container that has come anew since the list was made", async () => {
      const [ending, coming] = [call("DEL"), add()];
      const collecting = call("GC", valid({ containerID: "c2", ifname: "eth0" }));
      await Promise.all([ending, coming, collecting]);
      expect(phases()).toEqual(["released", "active", "active"]);
      expect(await (await inside()).getLink("eth0")).toBeDefined();
    });

    test("says what it could not remove, which keeps none of the others", async () => {
      workloads.failNext("reclaim", new HoldfastError("unavailable", "the book is full"));
      await expect(call("GC", valid())).rejects.toThrow("the book is full");
      expect(phases()).toEqual(["active", "released"]);
    });

    test("of another configuration removes nothing", async () => {
      await call("GC", { config: { ...valid().config, name: "we", network: "web" } });
      expect(phases()).toEqual(["active", "active"]);
    });
  });

  describe("calls that the end of an agent has interrupted", () => {
    const web = { tenant: Name.parse("default"), network: Name.parse("web"), runtime: "cni" } as const;

    test("give back what ADD had reserved and what DEL had detached, and nothing else", async () => {
      await add();
      await add({ env: { CNI_CONTAINERID: "c2", CNI_NETNS: "/run/netns/c2" } });
      await workloads.detach({ runtimeEndpoint: workloads.live[0]?.runtimeEndpoint ?? "" });
      await workloads.reserve({ ...web, requester: "web/c3/eth0" }, signal);
      expect(phases()).toEqual(["detached", "active", "reserved"]);
      await whole.endInterruptedCalls(signal);
      expect(phases()).toEqual(["released", "active", "released"]);
    });

    test("keep nobody from starting when one stays", async () => {
      await workloads.reserve({ ...web, requester: "web/c3/eth0" }, signal);
      workloads.failNext("reclaim", new Error("no space left on device"));
      await whole.endInterruptedCalls(signal);
      expect(phases()).toEqual(["reserved"]);
    });
  });

  describe("the look for containers that ended without an agent", () => {
    const clock = new ManualClock();
    const collect = async (between: () => void = () => undefined) => {
      const collecting = whole.collectOrphans(clock, signal);
      for (let count = 0; count < 50; count++) await Promise.resolve();
      between();
      clock.advance(1000);
      await collecting;
    };

    beforeEach(async () => {
      await add();
      await add({ env: { CNI_CONTAINERID: "c2", CNI_NETNS: "/run/netns/c2" } });
    });

    test("takes down one without its sandbox, and leaves the others", async () => {
      kernel.removeNamespace(NETNS);
      await collect();
      expect(phases()).toEqual(["released", "active"]);
    });

    test("takes down one whose sandbox is another's by now", async () => {
      kernel.removeNamespace(NETNS);
      kernel.addNamespace(NETNS);
      await collect();
      expect(phases()).toEqual(["released", "active"]);
    });

    test("leaves one that a runtime has started anew before the second look", async () => {
      kernel.removeNamespace(NETNS);
      let again: Promise<unknown> = Promise.resolve();
      await collect(() => {
        kernel.addNamespace(NETNS);
        again = call("DEL").then(() => call("ADD"));
      });
      await again;
      expect(phases()).toEqual(["released", "active", "active"]);
    });

    test("leaves one whose sandbox is found at the second look", async () => {
      const { enter } = kernel;
      kernel.enter = async (path) => {
        if (path === NETNS) throw new HoldfastError("not_found", `${path} is not mounted yet`);
        return await enter.call(kernel, path);
      };
      await collect(() => {
        kernel.enter = enter;
      });
      expect(phases()).toEqual(["active", "active"]);
    });

    test("leaves one that a runtime has taken from its sandbox, whose address may be kept", async () => {
      await workloads.detach({ runtimeEndpoint: workloads.live[0]?.runtimeEndpoint ?? "" });
      kernel.removeNamespace(NETNS);
      await collect();
      expect(phases()).toEqual(["detached", "active"]);
    });

    test("leaves what cannot be looked at", async () => {
      const { enter } = kernel;
      kernel.enter = async () => {
        throw new HoldfastError("kernel_rejected", "EMFILE");
      };
      await collect();
      kernel.enter = enter;
      expect(phases()).toEqual(["active", "active"]);
    });
  });

  test("STATUS is well when the network is known, and says what to do when it is not", async () => {
    expect(await call("STATUS")).toBe("");
    await expect(call("STATUS", { config: { network: "none" } })).rejects.toMatchObject({
      code: 50,
      message: expect.stringContaining("network default/none is not known on this machine; create it"),
    });
  });

  test("what the agent refuses keeps its code", async () => {
    workloads.failNext("reserve", new HoldfastError("unavailable", "no controller is reached"));
    await expect(call("ADD")).rejects.toMatchObject({ code: "unavailable" });
  });
});
