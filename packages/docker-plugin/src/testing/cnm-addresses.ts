import assert from "node:assert/strict";
import type { CnmCase } from "./cnm-case.ts";
import { dockerId } from "./docker-daemon.ts";

/** Which pools and addresses Docker is given, and who else gets them. */
export const addressCases: readonly CnmCase[] = [
  {
    id: "pool-as-asked",
    title: "the pool is what was asked for, with the same id every time",
    async run({ plan, caller, docker, network }) {
      const { v4 } = await network();
      assert.equal(v4.pool, plan.pool);
      const again = await caller.expect("IpamDriver.RequestPool", docker.requestPoolBody(plan, v4.space));
      assert.equal(again.PoolID, v4.id);
    },
  },
  {
    id: "gateway-of-plan",
    title: "the gateway that was asked for, or else one of the pool, comes with the pool's length",
    async run({ plan, network }) {
      const { gateway } = (await network()).v4;
      const [address, length] = gateway.split("/");
      assert.equal(length, plan.pool.split("/")[1], `the length of gateway ${gateway}`);
      if (plan.gateway !== undefined) assert.equal(address, plan.gateway);
    },
  },
  {
    id: "address-as-asked",
    title: "an address that was asked for is given, to one endpoint only",
    needs: ["address", "held"],
    async run({ freeAddress, caller, docker, network, holds }) {
      const made = await network();
      const first = await docker.run(made, { ip: freeAddress });
      assert.equal(first.address.split("/")[0], freeAddress);
      await assert.rejects(docker.run(made, { ip: freeAddress }), "it is given to a second endpoint");
      // The refusal has not harmed the first.
      await holds(1);
      await caller.expect("NetworkDriver.Join", docker.joinBody(made, first.id));
    },
  },
  {
    id: "taken-address-is-named",
    title: "the refusal of an address that somebody has names the address",
    needs: ["address"],
    async run({ freeAddress, docker, network }) {
      const made = await network();
      await docker.run(made, { ip: freeAddress });
      await assert.rejects(docker.run(made, { ip: freeAddress }), ({ message }: Error) => {
        assert.ok(message.includes(freeAddress), message);
        return true;
      });
    },
  },
  {
    id: "different-addresses",
    title: "containers get different addresses and MACs",
    async run({ docker, network }) {
      const made = await network();
      const endpoints = [await docker.run(made), await docker.run(made), await docker.run(made)];
      assert.equal(new Set(endpoints.map(({ address }) => address)).size, 3, "addresses");
      assert.equal(new Set(endpoints.map(({ mac }) => mac)).size, 3, "MACs");
    },
  },
  {
    id: "mac-of-docker",
    title: "a MAC that Docker has is not set again",
    needs: ["address"],
    async run({ freeAddress, caller, docker, network }) {
      const made = await network();
      const first = await docker.run(made, { ip: freeAddress });
      await docker.remove(first);
      const address = await docker.requestAddress(made.v4, freeAddress);
      const body = docker.createEndpointBody(made, dockerId(), { address }, { mac: first.mac });
      const reply = await caller.expect("NetworkDriver.CreateEndpoint", body);
      const set = Object.values((reply.Interface ?? {}) as Record<string, string>).filter((value) => value !== "");
      assert.deepEqual(set, []);
    },
  },
  {
    id: "auxiliary-address",
    title: "an auxiliary address may lie anywhere in the pool, and no container gets it",
    needs: ["address", "held"],
    async run({ plan, freeAddress, docker, holds }) {
      const made = await docker.createNetwork({ ...plan, auxiliary: { router: freeAddress } });
      assert.deepEqual(
        Object.values(made.v4.auxiliary).map((address) => address.split("/")[0]),
        [freeAddress],
      );
      await assert.rejects(docker.run(made, { ip: freeAddress }), "a container gets it");
      await docker.deleteNetwork(made);
      await holds(0);
    },
  },
  {
    id: "gateway-as-address",
    title: "the gateway can be asked for as an address",
    needs: ["held"],
    async run({ caller, docker, network, holds }) {
      const { v4 } = await network();
      const body = { PoolID: v4.id, Address: "", Options: { RequestAddressType: "com.docker.network.gateway" } };
      const reply = await caller.expect("IpamDriver.RequestAddress", body);
      assert.equal(String(reply.Address).split("/")[0], v4.gateway.split("/")[0]);
      await docker.releaseAddress(v4, v4.gateway);
      await holds(0);
    },
  },
  {
    id: "second-docker-network",
    title: "a second docker network with the same pool is told apart or refused, and the first lives on",
    async run({ docker, network }) {
      const first = await network();
      await network().catch(({ message }: Error) => assert.notEqual(message, ""));
      const endpoint = await docker.run(first);
      await docker.remove(endpoint);
    },
  },
];
