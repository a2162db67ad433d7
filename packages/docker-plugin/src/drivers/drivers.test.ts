import { Cidr, HoldfastError, Name } from "@holdfast/core";
import { describe, expect, test, vi } from "vitest";
import { DOCKER_20, DOCKER_29, DockerCaller } from "../testing/docker-caller.ts";
import { dockerId, type NetworkPlan, PlayedDaemon } from "../testing/docker-daemon.ts";
import { fakeNetwork, fakeRoutedNetwork } from "../testing/fake-network.ts";
import { pluginFixture } from "../testing/plugin-fixture.ts";

const plan: NetworkPlan = { ipamOptions: { "holdfast.network": "web" }, pool: "10.20.0.0/16" };
const dual = fakeNetwork("dual", ["10.30.0.0/24", "fd00:30::/64"], { docker: false });
const dualPlan: NetworkPlan = {
  ipamOptions: { "holdfast.network": "dual" },
  pool: "10.30.0.0/24",
  pool6: "fd00:30::/64",
};
const port = (rest: object): object => ({
  Proto: 6,
  IP: "",
  Port: 80,
  HostIP: "",
  HostPort: 0,
  HostPortEnd: 0,
  ...rest,
});
const publish = (...ports: object[]) => ({ options: { "com.docker.network.portmap": ports } });

describe("capabilities", () => {
  test("scope is local, connectivity is global, and nothing needs a replay or a MAC", async () => {
    await using plugin = await pluginFixture();
    expect(await plugin.caller.expect("NetworkDriver.GetCapabilities")).toEqual({
      Scope: "local",
      ConnectivityScope: "global",
      GwAllocChecker: true,
    });
    expect(await plugin.caller.expect("IpamDriver.GetCapabilities")).toEqual({
      RequiresMACAddress: false,
      RequiresRequestReplay: false,
    });
  });
});

describe("a pool", () => {
  const request = {
    AddressSpace: "holdfast",
    Pool: "10.20.0.0/16",
    SubPool: "",
    Options: { "holdfast.network": "web" },
    V6: false,
  };

  test("has an id that says tenant, network and prefix, and a gateway", async () => {
    await using plugin = await pluginFixture();
    expect(await plugin.caller.expect("IpamDriver.RequestPool", request)).toEqual({
      PoolID: "default/web/10.20.0.0/16",
      Pool: "10.20.0.0/16",
      Data: { "com.docker.network.gateway": "10.20.0.1/16" },
    });
  });

  test.each([
    ["without the option", { Options: {} }, "--ipam-opt holdfast.network is missing"],
    ["without --subnet", { Pool: "" }, "--ipam-opt holdfast.network=default/web --subnet 10.20.0.0/16 web"],
    ["of an unknown network", { Options: { "holdfast.network": "nope" } }, "default/nope does not exist"],
    ["with a path for a name", { Options: { "holdfast.network": "../web" } }, "not a name"],
    ["with too many parts", { Options: { "holdfast.network": "a/b/c" } }, "is not TENANT/NETWORK"],
    ["of another prefix", { Pool: "10.21.0.0/16" }, "it has 10.20.0.0/16"],
    ["with host bits", { Pool: "10.20.0.7/16" }, "the prefix is 10.20.0.0/16"],
    ["with --ip-range", { SubPool: "10.20.1.0/24" }, "--ip-range"],
    ["of IPv6 where there is none", { V6: true, Pool: "fd00::/64" }, "leave out --ipv6"],
    ["of another address space", { AddressSpace: "LocalDefault" }, "the address space is holdfast"],
  ])("%s is refused with the remedy", async (_name, rest, message) => {
    await using plugin = await pluginFixture();
    expect(await plugin.caller.refusal("IpamDriver.RequestPool", { ...request, ...rest })).toContain(message);
  });

  test("of a subnet without a gateway has an address that nobody uses in its place, and no container is told", async () => {
    const bare = { ...fakeNetwork("web", []), docker: false, subnets: [{ prefix: Cidr.parse("10.20.0.0/16") }] };
    await using plugin = await pluginFixture({ networks: [bare] });
    const network = await plugin.docker.createNetwork(plan);
    expect(network.v4.gateway).toBe("10.20.0.0/16");
    const { join } = await plugin.docker.run(network);
    expect(join).toMatchObject({ Gateway: "", GatewayIPv6: "", DisableGatewayService: true });
    const check = { Options: { "com.docker.network.generic": { "holdfast.network": "web" } } };
    expect(await plugin.caller.expect("NetworkDriver.GwAllocCheck", check)).toEqual({ SkipIPv4: true, SkipIPv6: true });
  });

  test("has no other gateway than its subnet's", async () => {
    await using plugin = await pluginFixture();
    const { v4 } = await plugin.docker.createNetwork(plan);
    const body = {
      PoolID: v4.id,
      Address: "10.20.0.254",
      Options: { RequestAddressType: "com.docker.network.gateway" },
    };
    expect(await plugin.caller.refusal("IpamDriver.RequestAddress", body)).toContain(
      "has the gateway 10.20.0.1, not 10.20.0.254",
    );
  });
});

describe("a docker network", () => {
  test("of another IPAM driver is refused", async () => {
    await using plugin = await pluginFixture();
    const data = { AddressSpace: "LocalDefault", Pool: "10.20.0.0/16", Gateway: "10.20.0.1/16" };
    const body = { NetworkID: dockerId(), Options: {}, IPv4Data: [data], IPv6Data: [] };
    expect(await plugin.caller.refusal("NetworkDriver.CreateNetwork", body)).toContain("--ipam-driver holdfast");
  });

  test("is the only one for its Holdfast network", async () => {
    await using plugin = await pluginFixture();
    const first = await plugin.docker.createNetwork(plan);
    await expect(plugin.docker.createNetwork(plan)).rejects.toThrow("stands for default/web on this machine already");
    await plugin.docker.deleteNetwork(first);
    await plugin.docker.createNetwork(plan);
  });

  test("that is --internal is refused", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork(plan);
    const body = plugin.docker.createNetworkBody({ ...network, id: dockerId() }, plan) as { Options: object };
    const internal = { ...body, Options: { ...body.Options, "com.docker.network.internal": true } };
    expect(await plugin.caller.refusal("NetworkDriver.CreateNetwork", internal)).toContain("--internal");
  });

  test("of one of two tenants with the same prefix is told apart by -o", async () => {
    const acme = fakeNetwork("web", ["10.20.0.0/16"], { tenant: Name.parse("acme"), docker: false });
    await using plugin = await pluginFixture({
      networks: [fakeNetwork("web", ["10.20.0.0/16"], { docker: false }), acme],
    });
    // Two commands at the same time: both pools are requested, then the networks are made.
    const other = new PlayedDaemon(new DockerCaller(plugin.socketPath, DOCKER_20), DOCKER_20);
    const pool = { AddressSpace: "holdfast", Pool: "10.20.0.0/16", SubPool: "", V6: false };
    await other.caller.expect("IpamDriver.RequestPool", { ...pool, Options: { "holdfast.network": "acme/web" } });
    await expect(plugin.docker.createNetwork(plan)).rejects.toThrow("add -o holdfast.network=TENANT/NETWORK");
    await plugin.docker.createNetwork({ ...plan, driverOptions: { "holdfast.network": "default/web" } });
    const second = await other.createNetwork({ ...plan, ipamOptions: { "holdfast.network": "acme/web" } });
    const { address } = await other.run(second, { ip: "10.20.0.9" });
    expect(plugin.workloads.live).toMatchObject([{ tenant: "acme", claim: { addresses: [address.split("/")[0]] } }]);
    other.caller.close();
  });

  test("is on disk before Docker is told that it is made", async () => {
    await using plugin = await pluginFixture();
    await plugin.docker.createNetwork(plan);
    expect(plugin.state.writes.filter((write) => write.startsWith("network"))).toHaveLength(1);
  });

  test("that is not known is refused, not guessed", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork(plan);
    const body = plugin.docker.createEndpointBody({ ...network, id: dockerId() }, dockerId(), {
      address: "10.20.0.7/16",
    });
    expect(await plugin.caller.refusal("NetworkDriver.CreateEndpoint", body)).toContain("is not known to holdfast");
  });
});

describe("an address", () => {
  test("given with --ip is reserved with the address authority (defect 2 of the predecessor)", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork(plan);
    await plugin.docker.requestAddress(network.v4, "10.20.0.9");
    expect(plugin.workloads.live).toMatchObject([{ phase: "reserved", claim: { addresses: ["10.20.0.9"] } }]);
  });

  test("that is released is given back (defect 3 of the predecessor)", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork(plan);
    const address = await plugin.docker.requestAddress(network.v4, "10.20.0.9");
    await plugin.docker.releaseAddress(network.v4, address);
    expect(plugin.workloads.live).toEqual([]);
  });

  test("that was asked for and not used is not given to a container that asks for any", async () => {
    await using plugin = await pluginFixture();
    plugin.workloads.claim(plugin.web, "redis-0", ["10.20.0.9"]);
    const network = await plugin.docker.createNetwork(plan);
    await plugin.docker.requestAddress(network.v4, "10.20.0.9");
    expect((await plugin.docker.run(network)).address).not.toContain("10.20.0.9/");
  });

  test("carries the length of its own subnet, also when that is not the pool's", async () => {
    const two = fakeNetwork("web", ["10.20.0.0/29", "10.21.0.0/24"], { docker: false });
    await using plugin = await pluginFixture({ networks: [two] });
    const network = await plugin.docker.createNetwork({ ...plan, pool: "10.20.0.0/29" });
    const addresses = [];
    for (let index = 0; index < 3; index++) addresses.push((await plugin.docker.run(network)).address);
    expect(addresses).toEqual(["10.20.0.5/29", "10.20.0.6/29", "10.21.0.5/24"]);
  });

  test("is the claim's when Docker 29 tells the container's name, and any other where there is no claim", async () => {
    await using plugin = await pluginFixture({ dialect: DOCKER_29 });
    plugin.workloads.claim(plugin.web, "redis-0", ["10.20.0.9"]);
    const network = await plugin.docker.createNetwork(plan);
    expect((await plugin.docker.run(network, { name: "redis-0" })).address).toBe("10.20.0.9/16");
    await plugin.docker.run(network, { name: "anything" });
    // No identity ends in an underscore.
    await plugin.docker.run(network, { name: "odd_" });
    expect(plugin.workloads.live.map(({ container }) => container)).toEqual(["redis-0", "anything", "odd_"]);
  });

  test("of IPv6 is the one of the same claim as the IPv4 address before it", async () => {
    await using plugin = await pluginFixture({ networks: [dual] });
    plugin.workloads.claim(dual, "redis-0", ["10.30.0.9", "fd00:30::9"]);
    plugin.workloads.claim(dual, "old", ["10.30.0.8"]);
    const network = await plugin.docker.createNetwork(dualPlan);
    expect(await plugin.docker.run(network, { ip: "10.30.0.9" })).toMatchObject({ address6: "fd00:30::9/64" });
    await expect(plugin.docker.run(network, { ip: "10.30.0.8" })).rejects.toThrow(
      "the claim of 10.30.0.8 has no IPv6 address",
    );
    await expect(plugin.docker.run(network, { ip6: "fd00:30::77" })).rejects.toThrow(
      "give both addresses of one claim",
    );
    expect((await plugin.docker.run(network)).address6).toMatch(/^fd00:30::/);
  });

  test("is the first of its family when the claim has several, and no other may be asked for", async () => {
    await using plugin = await pluginFixture({ networks: [dual] });
    plugin.workloads.claim(dual, "redis-0", ["10.30.0.8", "10.30.0.9", "fd00:30::8", "fd00:30::9"]);
    const network = await plugin.docker.createNetwork(dualPlan);
    const text = "has 10.30.0.8 as its first IPv4 address, which is the one that Docker can give";
    await expect(plugin.docker.run(network, { ip: "10.30.0.9" })).rejects.toThrow(text);
    expect(plugin.workloads.live).toEqual([]);
    await expect(plugin.docker.run(network, { ip: "10.30.0.8", ip6: "fd00:30::9" })).rejects.toThrow(
      "ask for that, not fd00:30::9",
    );
    const run = await plugin.docker.run(network, { ip: "10.30.0.8" });
    expect(run).toMatchObject({ address: "10.30.0.8/24", address6: "fd00:30::8/64" });
  });

  test("of IPv6 is still that one when the plugin has restarted in between", async () => {
    await using plugin = await pluginFixture({ networks: [dual] });
    const network = await plugin.docker.createNetwork(dualPlan);
    await plugin.docker.requestAddress(network.v4);
    await plugin.restart();
    if (network.v6 === undefined) throw new Error("no IPv6 pool");
    await plugin.docker.requestAddress(network.v6);
    expect(plugin.workloads.live).toHaveLength(1);
  });

  describe("of a holder that dockerd has forgotten", () => {
    /** A container that has run, and whose sandbox the loop has seen when dockerd served. */
    const holder = async ({ seen = true } = {}) => {
      const plugin = await pluginFixture();
      const network = await plugin.docker.createNetwork(plan);
      const first = await plugin.docker.run(network, { ip: "10.20.0.9" });
      const sandbox = `/var/run/docker/netns/${first.id.slice(0, 12)}`;
      if (seen) plugin.livingSandboxes.add(sandbox);
      plugin.engine.add("web", { id: network.id, endpoints: [{ id: first.id, container: "first" }] });
      plugin.engine.start();
      await vi.waitFor(() => expect(plugin.engine.looks).toBe(1), 8_000);
      plugin.engine.stop();
      await plugin.restart();
      return { plugin, network, first, sandbox };
    };

    test("is taken back when its sandbox is gone", async () => {
      const { plugin, network, first, sandbox } = await holder();
      await using _ = plugin;
      plugin.livingSandboxes.delete(sandbox);
      const second = await plugin.docker.run(network, { ip: "10.20.0.9" });
      expect(plugin.workloads.live.map(({ runtimeEndpoint }) => runtimeEndpoint)).toEqual([second.id]);
      expect(plugin.workloads.inspect(first.id)).toBeUndefined();
    });

    test.each<[string, { seen?: boolean; gone: boolean; serves: boolean }]>([
      ["its sandbox is there", { gone: false, serves: false }],
      ["its sandbox was never in our sight", { seen: false, gone: true, serves: false }],
      ["dockerd serves and can be looked at", { gone: true, serves: true }],
    ])("is not taken back when %s", async (_name, { seen = true, gone, serves }) => {
      const { plugin, network, sandbox } = await holder({ seen });
      await using _ = plugin;
      if (gone) plugin.livingSandboxes.delete(sandbox);
      if (serves) plugin.engine.start();
      if (serves) await vi.waitFor(() => expect(plugin.engine.looks).toBeGreaterThan(1), 8_000);
      await expect(plugin.docker.run(network, { ip: "10.20.0.9" })).rejects.toThrow("10.20.0.9 is bound");
      expect(plugin.workloads.calls).not.toContain("reclaim");
    });
  });

  test("of a holder that has not joined yet is not taken back", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork(plan);
    const address = await plugin.docker.requestAddress(network.v4, "10.20.0.9");
    await plugin.caller.expect(
      "NetworkDriver.CreateEndpoint",
      plugin.docker.createEndpointBody(network, dockerId(), { address }),
    );
    await expect(plugin.docker.run(network, { ip: "10.20.0.9" })).rejects.toThrow("10.20.0.9 is bound");
    expect(plugin.workloads.calls).not.toContain("reclaim");
  });

  test("of a gateway or an --aux-address is nobody's: releasing it does not reach the address authority", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork({ ...plan, auxiliary: { router: "10.20.0.9" } });
    await plugin.docker.deleteNetwork(network);
    expect(plugin.workloads.calls).not.toContain("unreserve");
  });

  test("of a pool that is not ours is refused", async () => {
    await using plugin = await pluginFixture();
    expect(
      await plugin.caller.refusal("IpamDriver.RequestAddress", { PoolID: "LocalDefault/10.0.0.0/8", Address: "" }),
    ).toMatch(/not a (pool|name)/);
  });
});

describe("an endpoint", () => {
  test("must have the identity that driver-opt names", async () => {
    await using plugin = await pluginFixture();
    plugin.workloads.claim(plugin.web, "redis-0", ["10.20.0.9"]);
    const network = await plugin.docker.createNetwork(plan);
    const run = (identity: unknown) =>
      plugin.docker.run(network, { ip: "10.20.0.9", options: { "holdfast.identity": identity } });
    await expect(run("redis-1")).rejects.toThrow("belongs to redis-0, not redis-1");
    await expect(run(7)).rejects.toThrow("is no text");
    await run("redis-0");
  });

  test("is limited as driver-opt says, and refused when that is no rate", async () => {
    await using plugin = await pluginFixture();
    const attach = vi.spyOn(plugin.workloads, "attach");
    const network = await plugin.docker.createNetwork(plan);
    const run = (rate: unknown) =>
      plugin.docker.run(network, { ip: "10.20.0.9", options: { "holdfast.egress-rate": rate } });
    await expect(run("fast")).rejects.toThrow('driver-opt holdfast.egress-rate: "fast" is no rate');
    await run("100Mbit");
    expect(attach.mock.lastCall?.[0].qos).toEqual({ egress: { rate: 100e6, burst: 65_536 } });
  });

  test("must have the claim's MAC when it asks for one", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork(plan);
    const run = (mac: string) => plugin.docker.run(network, { ip: "10.20.0.9", mac });
    await expect(run("02:00:00:00:00:01")).rejects.toThrow("the MAC of 10.20.0.9 is 02:64:0a:14:00:09");
    await run("02:64:0a:14:00:09");
  });

  test("that cannot be attached leaves nothing, and may be tried again", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork(plan);
    plugin.workloads.failNext("attach", new HoldfastError("switch_rejected", "no such bridge"));
    await expect(plugin.docker.run(network, publish(port({ HostPort: 80 })))).rejects.toThrow("no such bridge");
    expect(plugin.workloads.live).toEqual([]);
    await plugin.docker.run(network, publish(port({ HostPort: 80 })));
  });

  test("that takes too long is refused in time, and Docker is not held", async () => {
    await using plugin = await pluginFixture({ deadline: 100 });
    const network = await plugin.docker.createNetwork(plan);
    const release = plugin.workloads.hold("attach");
    await expect(plugin.docker.run(network)).rejects.toThrow("NetworkDriver.CreateEndpoint was not done after 100 ms");
    release();
  });

  test("says who it is when Docker inspects it, in no words that Docker itself reads", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork(plan);
    const { id } = await plugin.docker.run(network);
    const { Value } = await plugin.caller.expect("NetworkDriver.EndpointOperInfo", {
      NetworkID: network.id,
      EndpointID: id,
    });
    expect(Value).toMatchObject({ "holdfast.network": "default/web", "holdfast.phase": "active" });
    expect(Object.keys(Value as object).filter((key) => !key.startsWith("holdfast."))).toEqual([]);
  });
});

describe("an endpoint that leaves its sandbox", () => {
  test("is off the wire before Docker deletes it, and Docker does not wait for that", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork(plan);
    const { id } = await plugin.docker.run(network);
    const detached = plugin.workloads.hold("detach");
    await plugin.caller.expect("NetworkDriver.Leave", { NetworkID: network.id, EndpointID: id });
    detached();
    await vi.waitUntil(() => plugin.workloads.live[0]?.phase === "detached");
  });

  test("that could not be taken off the wire is so when it is deleted", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork(plan);
    const ids = { NetworkID: network.id, EndpointID: (await plugin.docker.run(network)).id };
    plugin.workloads.failNext("detach", new HoldfastError("switch_rejected", "no such flow"));
    await plugin.caller.expect("NetworkDriver.Leave", ids);
    await plugin.caller.expect("NetworkDriver.DeleteEndpoint", ids);
    expect(plugin.workloads.live[0]?.phase).toBe("detached");
  });

  test("publishes the same ports when it joins again", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork(plan);
    const { id } = await plugin.docker.run(network, publish(port({ HostPort: 8080 })));
    await plugin.caller.expect("NetworkDriver.Leave", { NetworkID: network.id, EndpointID: id });
    await plugin.caller.expect("NetworkDriver.Join", plugin.docker.joinBody(network, id));
    expect(plugin.workloads.live.map(({ phase, ports }) => [phase, ports[0]?.hostPort])).toEqual([["active", 8080]]);
  });
});

describe("an endpoint of a routed network", () => {
  const networks = [
    fakeRoutedNetwork("pods", ["10.50.0.0/24", "fd00:50::/64"]),
    fakeRoutedNetwork("more", ["10.51.0.0/24"]),
  ];
  const pods: NetworkPlan = {
    ipamOptions: { "holdfast.network": "pods" },
    pool: "10.50.0.0/24",
    pool6: "fd00:50::/64",
  };
  const more: NetworkPlan = { ipamOptions: { "holdfast.network": "more" }, pool: "10.51.0.0/24" };

  test("has addresses of its own alone, and a way to a gateway that is in no prefix", async () => {
    await using plugin = await pluginFixture({ networks });
    const { docker, caller } = plugin;
    const network = await docker.createNetwork(pods);
    const first = await docker.run(network);
    expect([first.address, first.address6]).toEqual([
      expect.stringMatching(/^10\.50\.0\.\d+\/32$/),
      expect.stringMatching(/^fd00:50::\S+\/128$/),
    ]);
    expect(first.join).toMatchObject({
      Gateway: "169.254.1.1",
      GatewayIPv6: "fe80::1",
      StaticRoutes: [
        { Destination: "169.254.1.1/32", RouteType: 1 },
        { Destination: "fe80::1/128", RouteType: 1 },
      ],
    });
    const second = await docker.createNetwork(more);
    const { id } = await docker.run(second);
    expect(await caller.refusal("NetworkDriver.Join", docker.joinBody(second, id, first.id))).toMatch(
      /in the routed network default\/pods already/,
    );
    await caller.expect("NetworkDriver.Join", docker.joinBody(second, id));
  });
});

describe("published ports", () => {
  test("are chosen once, and are the same when Docker repeats the call after a restart of the plugin", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork(plan);
    const id = dockerId();
    const address = await plugin.docker.requestAddress(network.v4);
    const body = plugin.docker.createEndpointBody(network, id, { address }, publish(port({})));
    await plugin.caller.expect("NetworkDriver.CreateEndpoint", body);
    const [endpoint] = plugin.workloads.live;
    expect(endpoint?.ports).toEqual([{ protocol: "tcp", hostPort: 32_768, containerPort: 80 }]);
    await plugin.restart();
    await plugin.caller.expect("NetworkDriver.CreateEndpoint", body);
    await plugin.docker.run(network, publish(port({})));
    expect(plugin.workloads.live.map(({ ports }) => ports[0]?.hostPort)).toEqual([32_768, 32_769]);
  });

  test("that a process uses are refused", async () => {
    await using plugin = await pluginFixture();
    plugin.usedPorts.add(22);
    const network = await plugin.docker.createNetwork(plan);
    await expect(plugin.docker.run(network, publish(port({ HostPort: 22 })))).rejects.toThrow(
      "host port 22/tcp is in use",
    );
    expect(plugin.workloads.live).toEqual([]);
  });

  test("of another container are refused, of the same container on a second network they are not", async () => {
    await using plugin = await pluginFixture({
      networks: [fakeNetwork("web", ["10.20.0.0/16"], { docker: false }), dual],
    });
    const network = await plugin.docker.createNetwork(plan);
    const second = await plugin.docker.createNetwork(dualPlan);
    const first = await plugin.docker.run(network, publish(port({ HostPort: 80 })));
    await expect(plugin.docker.run(network, publish(port({ HostPort: 80 })))).rejects.toThrow("80/tcp");
    const id = dockerId();
    const address = await plugin.docker.requestAddress(second.v4);
    const body = plugin.docker.createEndpointBody(second, id, { address }, publish(port({ HostPort: 80 })));
    await plugin.caller.expect("NetworkDriver.CreateEndpoint", body);
    await plugin.caller.expect("NetworkDriver.Join", plugin.docker.joinBody(second, id, first.id));
  });

  test("are free again when their endpoint is deleted", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork(plan);
    await plugin.docker.remove(await plugin.docker.run(network, publish(port({ HostPort: 80 }))));
    await plugin.docker.run(network, publish(port({ HostPort: 80 })));
  });
});

describe("dockerd", () => {
  test("is never called from within one of its own calls", async () => {
    await using plugin = await pluginFixture();
    const network = await plugin.docker.createNetwork(plan);
    await plugin.docker.remove(await plugin.docker.run(network));
    await plugin.docker.deleteNetwork(network);
    // The engine is down all the while: everything above has been answered without it.
    expect(plugin.engine.looks).toBe(0);
  });
});
