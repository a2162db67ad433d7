import { expect, test } from "vitest";
import type { CnmContext } from "./cnm-context.ts";
import { dockerId } from "./docker-daemon.ts";

/** The life of an endpoint from its address to its removal, and what may come twice or in another order. */
export function lives({ subject, caller, docker }: CnmContext): void {
  test("a container's life from pool to pool leaves nothing behind", async () => {
    const network = await docker().createNetwork(subject().plan);
    const endpoint = await docker().run(network);
    expect(await subject().heldAddresses()).toBe(1);
    await docker().remove(endpoint);
    expect(await subject().heldAddresses()).toBe(0);
    await docker().deleteNetwork(network);
  });

  test("join names an interface and keeps docker_gwbridge away", async () => {
    const network = await docker().createNetwork(subject().plan);
    const { join } = await docker().run(network);
    expect(join).toMatchObject({ InterfaceName: { SrcName: expect.stringMatching(/^.{1,15}$/), DstPrefix: "eth" } });
    expect(join.DisableGatewayService === true || join.Gateway === subject().gateway).toBe(true);
  });

  test("every call may come twice", async () => {
    const twice = async (method: string, body?: unknown): Promise<Record<string, unknown>> => {
      const first = await caller().expect(method, body);
      const second = await caller().expect(method, body);
      expect(second).toEqual(first);
      return second;
    };
    const network = await docker().createNetwork(subject().plan);
    await twice("NetworkDriver.CreateNetwork", docker().createNetworkBody(network, subject().plan));
    const id = dockerId();
    const ids = { NetworkID: network.id, EndpointID: id };
    const reserved = await twice("IpamDriver.RequestAddress", { PoolID: network.v4.id, Address: "", Options: null });
    const address = String(reserved.Address);
    await twice("NetworkDriver.CreateEndpoint", docker().createEndpointBody(network, id, { address }));
    await twice("NetworkDriver.Join", docker().joinBody(network, id));
    await twice("NetworkDriver.EndpointOperInfo", ids);
    await twice("NetworkDriver.ProgramExternalConnectivity", { ...ids, Options: {} });
    expect(await subject().heldAddresses()).toBe(1);
    await twice("NetworkDriver.RevokeExternalConnectivity", ids);
    await twice("NetworkDriver.Leave", ids);
    await twice("NetworkDriver.DeleteEndpoint", ids);
    await twice("IpamDriver.ReleaseAddress", { PoolID: network.v4.id, Address: address.split("/")[0] });
    expect(await subject().heldAddresses()).toBe(0);
    await twice("IpamDriver.ReleasePool", { PoolID: network.v4.id });
    await twice("NetworkDriver.DeleteNetwork", { NetworkID: network.id });
  });

  test("what was never there can be removed", async () => {
    const network = await docker().createNetwork(subject().plan);
    const ids = { NetworkID: network.id, EndpointID: dockerId() };
    for (const method of ["RevokeExternalConnectivity", "Leave", "DeleteEndpoint"]) {
      await caller().expect(`NetworkDriver.${method}`, ids);
    }
    await docker().releaseAddress(network.v4, subject().freeAddress);
    await caller().expect("NetworkDriver.DeleteNetwork", { NetworkID: dockerId() });
  });

  // `sandbox.Refresh` of libnetwork: all endpoints of a running container leave its sandbox and join it again.
  test("an endpoint that has left its sandbox may join again, with its address and MAC", async () => {
    const network = await docker().createNetwork(subject().plan);
    const first = await docker().run(network, { ip: subject().freeAddress });
    const ids = { NetworkID: network.id, EndpointID: first.id };
    await caller().expect("NetworkDriver.Leave", ids);
    const join = await caller().expect("NetworkDriver.Join", docker().joinBody(network, first.id));
    expect(join).toMatchObject({ InterfaceName: { SrcName: expect.stringMatching(/^.{1,15}$/), DstPrefix: "eth" } });
    await expect(docker().run(network, { ip: subject().freeAddress })).rejects.toThrow(subject().freeAddress);
    await docker().remove(first);
    expect(await subject().heldAddresses()).toBe(0);
  });

  test("an endpoint that was deleted cannot join again", async () => {
    const network = await docker().createNetwork(subject().plan);
    const endpoint = await docker().run(network);
    const ids = { NetworkID: network.id, EndpointID: endpoint.id };
    await caller().expect("NetworkDriver.Leave", ids);
    await caller().expect("NetworkDriver.DeleteEndpoint", ids);
    const body = docker().joinBody(network, endpoint.id);
    await expect(caller().expect("NetworkDriver.Join", body)).rejects.toThrow(/detached|not known/);
    await docker().releaseAddress(network.v4, endpoint.address);
    expect(await subject().heldAddresses()).toBe(0);
  });

  test("an address may be released before its endpoint is deleted", async () => {
    const network = await docker().createNetwork(subject().plan);
    const endpoint = await docker().run(network);
    await docker().releaseAddress(network.v4, endpoint.address);
    await docker().remove(endpoint);
    expect(await subject().heldAddresses()).toBe(0);
  });
}
