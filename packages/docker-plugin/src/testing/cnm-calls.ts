import { expect, test } from "vitest";
import type { CnmContext } from "./cnm-context.ts";
import { dockerId } from "./docker-daemon.ts";

/** How calls look: the handshake, bodies that are empty, broken or of a later engine, methods that are not known. */
export function calls({ subject, caller, docker }: CnmContext): void {
  test("the handshake has empty bodies and names both drivers", async () => {
    const reply = await caller().expect("Plugin.Activate");
    expect(reply.Implements).toEqual(expect.arrayContaining(["NetworkDriver", "IpamDriver"]));
    const capabilities = await caller().expect("NetworkDriver.GetCapabilities");
    expect(["local", "global"]).toContain(capabilities.Scope);
    const ipam = await caller().expect("IpamDriver.GetCapabilities");
    expect([true, false]).toContain(ipam.RequiresMACAddress);
    const spaces = await caller().expect("IpamDriver.GetDefaultAddressSpaces");
    expect(spaces.LocalDefaultAddressSpace).toMatch(/./);
    expect(spaces.GlobalDefaultAddressSpace).toMatch(/./);
  });

  test("an unknown method is 404, so that Docker knows it is not implemented", async () => {
    expect((await caller().call("NetworkDriver.NotInvented", {})).status).toBe(404);
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
    const reply = await caller().call(method);
    expect(reply.status).toBe(400);
    expect(reply.body?.Err).toMatch(/./);
    expect(await subject().heldAddresses()).toBe(0);
  });

  test("a body that is no JSON is refused, and the connection stays usable", async () => {
    expect((await caller().call("NetworkDriver.Join", "{")).status).toBe(400);
    await caller().expect("Plugin.Activate");
  });

  test("keys of later engines are ignored", async () => {
    const network = await docker().createNetwork(subject().plan);
    const address = await docker().requestAddress(network.v4);
    const body = { ...docker().createEndpointBody(network, dockerId(), { address }), FutureKey: { a: [1] } };
    await caller().expect("NetworkDriver.CreateEndpoint", body);
  });
}
