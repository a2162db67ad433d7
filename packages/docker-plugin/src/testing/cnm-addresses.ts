import { expect, test } from "vitest";
import { type CnmContext, requestPoolBody } from "./cnm-context.ts";
import { dockerId } from "./docker-daemon.ts";

/** Which pools and addresses Docker is given, and who else gets them. */
export function addresses({ subject, caller, docker }: CnmContext): void {
  test("the pool is what was asked for, with the same id every time", async () => {
    const first = await docker().createNetwork(subject().plan);
    expect(first.v4.pool).toBe(subject().plan.pool);
    expect(first.v4.gateway).toBe(`${subject().gateway}/${subject().plan.pool.split("/")[1]}`);
    const body = requestPoolBody(subject().plan);
    const again = await caller().expect("IpamDriver.RequestPool", body);
    expect(again.PoolID).toBe(first.v4.id);
  });

  test("an address that was asked for is given, to one endpoint only", async () => {
    const network = await docker().createNetwork(subject().plan);
    const first = await docker().run(network, { ip: subject().freeAddress });
    expect(first.address.split("/")[0]).toBe(subject().freeAddress);
    await expect(docker().run(network, { ip: subject().freeAddress })).rejects.toThrow(subject().freeAddress);
    // The refusal has not harmed the first.
    expect(await subject().heldAddresses()).toBe(1);
    await caller().expect("NetworkDriver.Join", docker().joinBody(network, first.id));
  });

  test("containers get different addresses and MACs", async () => {
    const network = await docker().createNetwork(subject().plan);
    const endpoints = [await docker().run(network), await docker().run(network), await docker().run(network)];
    expect(new Set(endpoints.map(({ address }) => address)).size).toBe(3);
    expect(new Set(endpoints.map(({ mac }) => mac)).size).toBe(3);
  });

  test("a MAC that Docker has is not set again", async () => {
    const network = await docker().createNetwork(subject().plan);
    const first = await docker().run(network, { ip: subject().freeAddress });
    await docker().remove(first);
    const ip = await docker().requestAddress(network.v4, subject().freeAddress);
    const body = docker().createEndpointBody(network, dockerId(), { address: ip }, { mac: first.mac });
    const reply = await caller().expect("NetworkDriver.CreateEndpoint", body);
    expect(Object.values((reply.Interface ?? {}) as Record<string, string>).filter((value) => value !== "")).toEqual(
      [],
    );
  });

  test("an auxiliary address may lie anywhere in the pool, and no container gets it", async () => {
    const auxiliary = { router: subject().freeAddress };
    const network = await docker().createNetwork({ ...subject().plan, auxiliary });
    expect(Object.values(network.v4.auxiliary)).toEqual([expect.stringContaining(`${subject().freeAddress}/`)]);
    await expect(docker().run(network, { ip: subject().freeAddress })).rejects.toThrow();
    await docker().deleteNetwork(network);
    expect(await subject().heldAddresses()).toBe(0);
  });

  test("the gateway can be asked for as an address", async () => {
    const network = await docker().createNetwork(subject().plan);
    const body = { PoolID: network.v4.id, Address: "", Options: { RequestAddressType: "com.docker.network.gateway" } };
    const reply = await caller().expect("IpamDriver.RequestAddress", body);
    expect(String(reply.Address).split("/")[0]).toBe(subject().gateway);
    await docker().releaseAddress(network.v4, subject().gateway);
    expect(await subject().heldAddresses()).toBe(0);
  });

  test("a second docker network with the same pool is told apart or refused, and the first lives on", async () => {
    const first = await docker().createNetwork(subject().plan);
    await docker()
      .createNetwork(subject().plan)
      .catch((error: unknown) => expect(String(error)).toMatch(/./));
    const endpoint = await docker().run(first);
    await docker().remove(endpoint);
  });
}
