import assert from "node:assert/strict";
import type { CnmCase } from "./cnm-case.ts";
import { dockerId } from "./docker-daemon.ts";

/** @throws AssertionError when Docker would find no interface to move into the sandbox. */
export function namesInterface({ InterfaceName }: Record<string, unknown>): void {
  const { SrcName = "", DstPrefix } = (InterfaceName ?? {}) as Record<string, string>;
  assert.match(SrcName, /^.{1,15}$/, "SrcName");
  assert.ok(typeof DstPrefix === "string" && DstPrefix !== "", "DstPrefix is missing");
}

/** The life of an endpoint from its address to its removal, and what may come twice or in another order. */
export const lifeCases: readonly CnmCase[] = [
  {
    id: "whole-life",
    title: "a container's life from pool to pool leaves nothing behind",
    needs: ["held"],
    async run({ docker, network, holds }) {
      const made = await network();
      const endpoint = await docker.run(made);
      await holds(1);
      await docker.remove(endpoint);
      await holds(0);
      await docker.deleteNetwork(made);
    },
  },
  {
    id: "join-names-interface",
    title: "join names an interface and keeps docker_gwbridge away",
    async run({ docker, network }) {
      const made = await network();
      const { join } = await docker.run(made);
      namesInterface(join);
      const isGateway = join.Gateway === made.v4.gateway.split("/")[0];
      assert.ok(join.DisableGatewayService === true || isGateway, "Docker adds an interface on docker_gwbridge");
    },
  },
  {
    id: "every-call-twice",
    title: "every call may come twice",
    needs: ["held"],
    async run({ plan, caller, docker, network, holds }) {
      const twice = async (method: string, body?: unknown): Promise<Record<string, unknown>> => {
        const first = await caller.expect(method, body);
        const second = await caller.expect(method, body);
        assert.deepEqual(second, first, `${method} answers something else the second time`);
        return second;
      };
      const made = await network();
      await twice("NetworkDriver.CreateNetwork", docker.createNetworkBody(made, plan));
      const id = dockerId();
      const ids = { NetworkID: made.id, EndpointID: id };
      const reserved = await twice("IpamDriver.RequestAddress", { PoolID: made.v4.id, Address: "", Options: null });
      const address = String(reserved.Address);
      await twice("NetworkDriver.CreateEndpoint", docker.createEndpointBody(made, id, { address }));
      await twice("NetworkDriver.Join", docker.joinBody(made, id));
      await twice("NetworkDriver.EndpointOperInfo", ids);
      await twice("NetworkDriver.ProgramExternalConnectivity", { ...ids, Options: {} });
      await holds(1);
      await twice("NetworkDriver.RevokeExternalConnectivity", ids);
      await twice("NetworkDriver.Leave", ids);
      await twice("NetworkDriver.DeleteEndpoint", ids);
      await twice("IpamDriver.ReleaseAddress", { PoolID: made.v4.id, Address: address.split("/")[0] });
      await holds(0);
      await twice("IpamDriver.ReleasePool", { PoolID: made.v4.id });
      await twice("NetworkDriver.DeleteNetwork", { NetworkID: made.id });
    },
  },
  {
    id: "absent-is-removed",
    title: "what was never there can be removed",
    needs: ["address"],
    async run({ freeAddress, caller, docker, network }) {
      const made = await network();
      const ids = { NetworkID: made.id, EndpointID: dockerId() };
      for (const method of ["RevokeExternalConnectivity", "Leave", "DeleteEndpoint"]) {
        await caller.expect(`NetworkDriver.${method}`, ids);
      }
      await docker.releaseAddress(made.v4, freeAddress);
      await caller.expect("NetworkDriver.DeleteNetwork", { NetworkID: dockerId() });
    },
  },
  {
    // `sandbox.Refresh` of libnetwork: all endpoints of a running container leave its sandbox and join it again.
    id: "join-after-leave",
    title: "an endpoint that has left its sandbox may join again, with its address",
    needs: ["address", "held"],
    async run({ freeAddress, caller, docker, network, holds }) {
      const made = await network();
      const first = await docker.run(made, { ip: freeAddress });
      await caller.expect("NetworkDriver.Leave", { NetworkID: made.id, EndpointID: first.id });
      namesInterface(await caller.expect("NetworkDriver.Join", docker.joinBody(made, first.id)));
      await assert.rejects(docker.run(made, { ip: freeAddress }), "its address is given to another endpoint");
      await docker.remove(first);
      await holds(0);
    },
  },
  {
    id: "join-after-delete",
    title: "an endpoint that was deleted cannot join again",
    needs: ["held"],
    async run({ caller, docker, network, holds }) {
      const made = await network();
      const endpoint = await docker.run(made);
      const ids = { NetworkID: made.id, EndpointID: endpoint.id };
      await caller.expect("NetworkDriver.Leave", ids);
      await caller.expect("NetworkDriver.DeleteEndpoint", ids);
      assert.notEqual(await caller.refusal("NetworkDriver.Join", docker.joinBody(made, endpoint.id)), "");
      await docker.releaseAddress(made.v4, endpoint.address);
      await holds(0);
    },
  },
  {
    id: "release-before-delete",
    title: "an address may be released before its endpoint is deleted",
    needs: ["held"],
    async run({ docker, network, holds }) {
      const made = await network();
      const endpoint = await docker.run(made);
      await docker.releaseAddress(made.v4, endpoint.address);
      await docker.remove(endpoint);
      await holds(0);
    },
  },
];
