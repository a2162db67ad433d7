import assert from "node:assert/strict";
import type { CnmCase } from "./cnm-case.ts";
import { namesInterface } from "./cnm-lives.ts";
import { dockerId } from "./docker-daemon.ts";

const STEPS = ["RequestAddress", "CreateEndpoint", "Join", "Leave", "DeleteEndpoint"] as const;

/** What a restart of dockerd replays, and what a crash of the plugin between two calls leaves. */
export const restartCases: readonly CnmCase[] = [
  {
    id: "replay",
    title: "a replay of all pools and addresses after a restart of dockerd is a success",
    needs: ["address"],
    async run({ plan, freeAddress, caller, docker, network }) {
      const made = await network();
      const endpoint = await docker.run(made, { ip: freeAddress });
      // As libnetwork's reservePools does, for a container that has ended: its endpoint is deleted, its address is asked for.
      await caller.expect("NetworkDriver.DeleteEndpoint", { NetworkID: made.id, EndpointID: endpoint.id });
      const again = await caller.expect("IpamDriver.RequestPool", docker.requestPoolBody(plan, made.v4.space));
      assert.equal(again.PoolID, made.v4.id);
      assert.equal(await docker.requestAddress(made.v4, freeAddress), endpoint.address);
    },
  },
  {
    id: "network-survives-restart",
    title: "a network survives a restart of the plugin, for Docker never tells it again",
    needs: ["restart", "held"],
    async run({ docker, network, crash, holds }) {
      const made = await network();
      await crash();
      const endpoint = await docker.run(made);
      await docker.remove(endpoint);
      await holds(0);
    },
  },
  ...STEPS.map(
    (last): CnmCase => ({
      id: `crash-after-${last}`,
      title: `a crash of the plugin after ${last} loses nothing and leaks nothing`,
      needs: ["restart", "held"],
      async run({ caller, docker, network, crash, holds }) {
        const made = await network();
        const id = dockerId();
        const ids = { NetworkID: made.id, EndpointID: id };
        const passed = async (step: (typeof STEPS)[number]): Promise<void> => {
          if (step === last) await crash();
        };
        const address = await docker.requestAddress(made.v4);
        await passed("RequestAddress");
        await caller.expect("NetworkDriver.CreateEndpoint", docker.createEndpointBody(made, id, { address }));
        await passed("CreateEndpoint");
        const join = await caller.expect("NetworkDriver.Join", docker.joinBody(made, id));
        namesInterface(join);
        assert.equal(join.Gateway, made.v4.gateway.split("/")[0]);
        await passed("Join");
        await caller.expect("NetworkDriver.Leave", ids);
        await passed("Leave");
        await caller.expect("NetworkDriver.DeleteEndpoint", ids);
        await passed("DeleteEndpoint");
        await docker.releaseAddress(made.v4, address);
        await holds(0);
      },
    }),
  ),
];
