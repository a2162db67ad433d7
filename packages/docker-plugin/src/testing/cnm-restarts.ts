import { expect, test } from "vitest";
import { type CnmContext, requestPoolBody } from "./cnm-context.ts";
import { dockerId } from "./docker-daemon.ts";

/** What a restart of dockerd replays, and what a crash of the plugin between two calls leaves. */
export function restarts({ subject, caller, docker }: CnmContext): void {
  test("a replay of all pools and addresses after a restart of dockerd is a success", async () => {
    const network = await docker().createNetwork(subject().plan);
    const endpoint = await docker().run(network, { ip: subject().freeAddress });
    // As libnetwork's reservePools does, for a container that has ended: its endpoint is deleted, its address is asked for.
    await caller().expect("NetworkDriver.DeleteEndpoint", { NetworkID: network.id, EndpointID: endpoint.id });
    const body = requestPoolBody(subject().plan);
    expect((await caller().expect("IpamDriver.RequestPool", body)).PoolID).toBe(network.v4.id);
    expect(await docker().requestAddress(network.v4, subject().freeAddress)).toBe(endpoint.address);
  });

  test("a network survives a restart of the plugin, for Docker never tells it again", async () => {
    const network = await docker().createNetwork(subject().plan);
    await subject().crash();
    caller().close();
    const endpoint = await docker().run(network);
    await docker().remove(endpoint);
    expect(await subject().heldAddresses()).toBe(0);
  });

  test.each(["RequestAddress", "CreateEndpoint", "Join", "Leave", "DeleteEndpoint"])(
    "a crash of the plugin after %s loses nothing and leaks nothing",
    async (last) => {
      const network = await docker().createNetwork(subject().plan);
      const id = dockerId();
      const ids = { NetworkID: network.id, EndpointID: id };
      const crashAfter = async (step: string): Promise<void> => {
        if (step !== last) return;
        await subject().crash();
        caller().close();
      };
      const address = await docker().requestAddress(network.v4);
      await crashAfter("RequestAddress");
      await caller().expect("NetworkDriver.CreateEndpoint", docker().createEndpointBody(network, id, { address }));
      await crashAfter("CreateEndpoint");
      const join = await caller().expect("NetworkDriver.Join", docker().joinBody(network, id));
      expect(join).toMatchObject({
        InterfaceName: { SrcName: expect.stringMatching(/^.{1,15}$/), DstPrefix: "eth" },
        Gateway: subject().gateway,
      });
      await crashAfter("Join");
      await caller().expect("NetworkDriver.Leave", ids);
      await crashAfter("Leave");
      await caller().expect("NetworkDriver.DeleteEndpoint", ids);
      await crashAfter("DeleteEndpoint");
      await docker().releaseAddress(network.v4, address);
      expect(await subject().heldAddresses()).toBe(0);
    },
  );
}
