import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DIALECTS, type Dialect, DockerCaller } from "./docker-caller.ts";
import { dockerId, type NetworkPlan, PlayedDaemon } from "./docker-daemon.ts";

/** A plugin under test, and what may be asked of it. */
export interface CnmSubject {
  readonly socketPath: string;
  /** How to make a docker network with an IPv4 subnet that has a gateway. */
  readonly plan: NetworkPlan;
  /** The gateway of the plan's subnet, `"10.20.0.1"`. */
  readonly gateway: string;
  /** An address of the plan's subnet that nobody has. */
  readonly freeAddress: string;
  /** Ends the plugin as `kill -9` would and starts it again with what it had written. */
  crash(): Promise<void>;
  /** How many addresses are given out to endpoints or reserved for them. */
  heldAddresses(): Promise<number>;
  stop(): Promise<void>;
}

/**
 * What Docker expects of a plugin that is a network driver and an IPAM driver, played from outside through its socket: every sequence of
 * calls that libnetwork makes, each call doubled, with empty bodies, with crashes between the calls, in the words of Docker 20.10 and 29.
 */
export function cnmConformance(name: string, startPlugin: () => Promise<CnmSubject>): void {
  for (const dialect of DIALECTS) {
    describe(`CNM conformance of ${name}, Docker ${dialect.name}`, () => suite(dialect, startPlugin));
  }
}

function suite(dialect: Dialect, startPlugin: () => Promise<CnmSubject>): void {
  let subject: CnmSubject;
  let caller: DockerCaller;
  let docker: PlayedDaemon;
  beforeEach(async () => {
    subject = await startPlugin();
    caller = new DockerCaller(subject.socketPath, dialect);
    docker = new PlayedDaemon(caller, dialect);
  });
  afterEach(async () => {
    caller.close();
    await subject.stop();
  });

  test("the handshake has empty bodies and names both drivers", async () => {
    const reply = await caller.expect("Plugin.Activate");
    expect(reply.Implements).toEqual(expect.arrayContaining(["NetworkDriver", "IpamDriver"]));
    const capabilities = await caller.expect("NetworkDriver.GetCapabilities");
    expect(["local", "global"]).toContain(capabilities.Scope);
    const ipam = await caller.expect("IpamDriver.GetCapabilities");
    expect([true, false]).toContain(ipam.RequiresMACAddress);
    const spaces = await caller.expect("IpamDriver.GetDefaultAddressSpaces");
    expect(spaces.LocalDefaultAddressSpace).toMatch(/./);
    expect(spaces.GlobalDefaultAddressSpace).toMatch(/./);
  });

  test("an unknown method is 404, so that Docker knows it is not implemented", async () => {
    expect((await caller.call("NetworkDriver.NotInvented", {})).status).toBe(404);
  });

  test.each([
    "NetworkDriver.CreateNetwork",
    "NetworkDriver.DeleteNetwork",
    "NetworkDriver.CreateEndpoint",
    "NetworkDriver.DeleteEndpoint",
    "NetworkDriver.Join",
    "NetworkDriver.Leave",
    "NetworkDriver.EndpointOperInfo",
    "IpamDriver.RequestPool",
    "IpamDriver.ReleasePool",
    "IpamDriver.RequestAddress",
    "IpamDriver.ReleaseAddress",
  ])("%s with the empty body of a repeated call is refused with status 400", async (method) => {
    const reply = await caller.call(method);
    expect(reply.status).toBe(400);
    expect(reply.body?.Err).toMatch(/./);
    expect(await subject.heldAddresses()).toBe(0);
  });

  test("a body that is no JSON is refused, and the connection stays usable", async () => {
    expect((await caller.call("NetworkDriver.Join", "{")).status).toBe(400);
    await caller.expect("Plugin.Activate");
  });

  test("a container's life from pool to pool leaves nothing behind", async () => {
    const network = await docker.createNetwork(subject.plan);
    const endpoint = await docker.run(network);
    expect(await subject.heldAddresses()).toBe(1);
    await docker.remove(endpoint);
    expect(await subject.heldAddresses()).toBe(0);
    await docker.deleteNetwork(network);
  });

  test("the pool is what was asked for, with the same id every time", async () => {
    const first = await docker.createNetwork(subject.plan);
    expect(first.v4.pool).toBe(subject.plan.pool);
    expect(first.v4.gateway).toBe(`${subject.gateway}/${subject.plan.pool.split("/")[1]}`);
    const body = {
      AddressSpace: "holdfast",
      Pool: subject.plan.pool,
      SubPool: "",
      Options: subject.plan.ipamOptions,
      V6: false,
    };
    const again = await caller.expect("IpamDriver.RequestPool", body);
    expect(again.PoolID).toBe(first.v4.id);
  });

  test("join names an interface and keeps docker_gwbridge away", async () => {
    const network = await docker.createNetwork(subject.plan);
    const { join } = await docker.run(network);
    expect(join).toMatchObject({ InterfaceName: { SrcName: expect.stringMatching(/^.{1,15}$/), DstPrefix: "eth" } });
    expect(join.DisableGatewayService === true || join.Gateway === subject.gateway).toBe(true);
  });

  test("an address that was asked for is given, to one endpoint only", async () => {
    const network = await docker.createNetwork(subject.plan);
    const first = await docker.run(network, { ip: subject.freeAddress });
    expect(first.address.split("/")[0]).toBe(subject.freeAddress);
    await expect(docker.run(network, { ip: subject.freeAddress })).rejects.toThrow(subject.freeAddress);
    // The refusal has not harmed the first.
    expect(await subject.heldAddresses()).toBe(1);
    await caller.expect("NetworkDriver.Join", docker.joinBody(network, first.id));
  });

  test("containers get different addresses and MACs", async () => {
    const network = await docker.createNetwork(subject.plan);
    const endpoints = [await docker.run(network), await docker.run(network), await docker.run(network)];
    expect(new Set(endpoints.map(({ address }) => address)).size).toBe(3);
    expect(new Set(endpoints.map(({ mac }) => mac)).size).toBe(3);
  });

  test("a MAC that Docker has is not set again", async () => {
    const network = await docker.createNetwork(subject.plan);
    const first = await docker.run(network, { ip: subject.freeAddress });
    await docker.remove(first);
    const ip = await docker.requestAddress(network.v4, subject.freeAddress);
    const body = docker.createEndpointBody(network, dockerId(), { address: ip }, { mac: first.mac });
    const reply = await caller.expect("NetworkDriver.CreateEndpoint", body);
    expect(Object.values((reply.Interface ?? {}) as Record<string, string>).filter((value) => value !== "")).toEqual(
      [],
    );
  });

  test("every call may come twice", async () => {
    const twice = async (method: string, body?: unknown): Promise<Record<string, unknown>> => {
      const first = await caller.expect(method, body);
      const second = await caller.expect(method, body);
      expect(second).toEqual(first);
      return second;
    };
    const network = await docker.createNetwork(subject.plan);
    await twice("NetworkDriver.CreateNetwork", docker.createNetworkBody(network, subject.plan));
    const id = dockerId();
    const ids = { NetworkID: network.id, EndpointID: id };
    const reserved = await twice("IpamDriver.RequestAddress", { PoolID: network.v4.id, Address: "", Options: null });
    const address = String(reserved.Address);
    await twice("NetworkDriver.CreateEndpoint", docker.createEndpointBody(network, id, { address }));
    await twice("NetworkDriver.Join", docker.joinBody(network, id));
    await twice("NetworkDriver.EndpointOperInfo", ids);
    await twice("NetworkDriver.ProgramExternalConnectivity", { ...ids, Options: {} });
    expect(await subject.heldAddresses()).toBe(1);
    await twice("NetworkDriver.RevokeExternalConnectivity", ids);
    await twice("NetworkDriver.Leave", ids);
    await twice("NetworkDriver.DeleteEndpoint", ids);
    await twice("IpamDriver.ReleaseAddress", { PoolID: network.v4.id, Address: address.split("/")[0] });
    expect(await subject.heldAddresses()).toBe(0);
    await twice("IpamDriver.ReleasePool", { PoolID: network.v4.id });
    await twice("NetworkDriver.DeleteNetwork", { NetworkID: network.id });
  });

  test("what was never there can be removed", async () => {
    const network = await docker.createNetwork(subject.plan);
    const ids = { NetworkID: network.id, EndpointID: dockerId() };
    for (const method of ["RevokeExternalConnectivity", "Leave", "DeleteEndpoint"]) {
      await caller.expect(`NetworkDriver.${method}`, ids);
    }
    await docker.releaseAddress(network.v4, subject.freeAddress);
    await caller.expect("NetworkDriver.DeleteNetwork", { NetworkID: dockerId() });
  });

  // `sandbox.Refresh` of libnetwork: all endpoints of a running container leave its sandbox and join it again.
  test("an endpoint that has left its sandbox may join again, with its address and MAC", async () => {
    const network = await docker.createNetwork(subject.plan);
    const first = await docker.run(network, { ip: subject.freeAddress });
    const ids = { NetworkID: network.id, EndpointID: first.id };
    await caller.expect("NetworkDriver.Leave", ids);
    const join = await caller.expect("NetworkDriver.Join", docker.joinBody(network, first.id));
    expect(join).toMatchObject({ InterfaceName: { SrcName: expect.stringMatching(/^.{1,15}$/), DstPrefix: "eth" } });
    await expect(docker.run(network, { ip: subject.freeAddress })).rejects.toThrow(subject.freeAddress);
    await docker.remove(first);
    expect(await subject.heldAddresses()).toBe(0);
  });

  test("an endpoint that was deleted cannot join again", async () => {
    const network = await docker.createNetwork(subject.plan);
    const endpoint = await docker.run(network);
    const ids = { NetworkID: network.id, EndpointID: endpoint.id };
    await caller.expect("NetworkDriver.Leave", ids);
    await caller.expect("NetworkDriver.DeleteEndpoint", ids);
    const body = docker.joinBody(network, endpoint.id);
    await expect(caller.expect("NetworkDriver.Join", body)).rejects.toThrow(/detached|not known/);
    await docker.releaseAddress(network.v4, endpoint.address);
    expect(await subject.heldAddresses()).toBe(0);
  });

  test("an address may be released before its endpoint is deleted", async () => {
    const network = await docker.createNetwork(subject.plan);
    const endpoint = await docker.run(network);
    await docker.releaseAddress(network.v4, endpoint.address);
    await docker.remove(endpoint);
    expect(await subject.heldAddresses()).toBe(0);
  });

  test("an auxiliary address may lie anywhere in the pool, and no container gets it", async () => {
    const auxiliary = { router: subject.freeAddress };
    const network = await docker.createNetwork({ ...subject.plan, auxiliary });
    expect(Object.values(network.v4.auxiliary)).toEqual([expect.stringContaining(`${subject.freeAddress}/`)]);
    await expect(docker.run(network, { ip: subject.freeAddress })).rejects.toThrow();
    await docker.deleteNetwork(network);
    expect(await subject.heldAddresses()).toBe(0);
  });

  test("the gateway can be asked for as an address", async () => {
    const network = await docker.createNetwork(subject.plan);
    const body = { PoolID: network.v4.id, Address: "", Options: { RequestAddressType: "com.docker.network.gateway" } };
    const reply = await caller.expect("IpamDriver.RequestAddress", body);
    expect(String(reply.Address).split("/")[0]).toBe(subject.gateway);
    await docker.releaseAddress(network.v4, subject.gateway);
    expect(await subject.heldAddresses()).toBe(0);
  });

  test("a replay of all pools and addresses after a restart of dockerd is a success", async () => {
    const network = await docker.createNetwork(subject.plan);
    const endpoint = await docker.run(network, { ip: subject.freeAddress });
    // As libnetwork's reservePools does, for a container that has ended: its endpoint is deleted, its address is asked for.
    await caller.expect("NetworkDriver.DeleteEndpoint", { NetworkID: network.id, EndpointID: endpoint.id });
    const body = {
      AddressSpace: "holdfast",
      Pool: subject.plan.pool,
      SubPool: "",
      Options: subject.plan.ipamOptions,
      V6: false,
    };
    expect((await caller.expect("IpamDriver.RequestPool", body)).PoolID).toBe(network.v4.id);
    expect(await docker.requestAddress(network.v4, subject.freeAddress)).toBe(endpoint.address);
  });

  test("a network survives a restart of the plugin, for Docker never tells it again", async () => {
    const network = await docker.createNetwork(subject.plan);
    await subject.crash();
    caller.close();
    const endpoint = await docker.run(network);
    await docker.remove(endpoint);
    expect(await subject.heldAddresses()).toBe(0);
  });

  test.each(["RequestAddress", "CreateEndpoint", "Join", "Leave", "DeleteEndpoint"])(
    "a crash of the plugin after %s loses nothing and leaks nothing",
    async (last) => {
      const network = await docker.createNetwork(subject.plan);
      const id = dockerId();
      const ids = { NetworkID: network.id, EndpointID: id };
      const crashAfter = async (step: string): Promise<void> => {
        if (step !== last) return;
        await subject.crash();
        caller.close();
      };
      const address = await docker.requestAddress(network.v4);
      await crashAfter("RequestAddress");
      await caller.expect("NetworkDriver.CreateEndpoint", docker.createEndpointBody(network, id, { address }));
      await crashAfter("CreateEndpoint");
      const join = await caller.expect("NetworkDriver.Join", docker.joinBody(network, id));
      expect(join).toMatchObject({
        InterfaceName: { SrcName: expect.stringMatching(/^.{1,15}$/), DstPrefix: "eth" },
        Gateway: subject.gateway,
      });
      await crashAfter("Join");
      await caller.expect("NetworkDriver.Leave", ids);
      await crashAfter("Leave");
      await caller.expect("NetworkDriver.DeleteEndpoint", ids);
      await crashAfter("DeleteEndpoint");
      await docker.releaseAddress(network.v4, address);
      expect(await subject.heldAddresses()).toBe(0);
    },
  );

  test("a second docker network with the same pool is told apart or refused, and the first lives on", async () => {
    const first = await docker.createNetwork(subject.plan);
    await docker.createNetwork(subject.plan).catch((error: unknown) => expect(String(error)).toMatch(/./));
    const endpoint = await docker.run(first);
    await docker.remove(endpoint);
  });

  test("keys of later engines are ignored", async () => {
    const network = await docker.createNetwork(subject.plan);
    const address = await docker.requestAddress(network.v4);
    const body = { ...docker.createEndpointBody(network, dockerId(), { address }), FutureKey: { a: [1] } };
    await caller.expect("NetworkDriver.CreateEndpoint", body);
  });
}
