import assert from "node:assert/strict";
import type { CnmCase } from "./cnm-case.ts";
import { dockerId } from "./docker-daemon.ts";

/** Methods whose arguments Docker always sends. */
const WITH_ARGUMENTS = [
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
] as const;

/** How calls look: the handshake, bodies that are empty, broken or of a later engine, methods that are not known. */
export const callCases: readonly CnmCase[] = [
  {
    id: "handshake",
    title: "the handshake has empty bodies and names both drivers",
    async run({ caller }) {
      const { Implements = [] } = await caller.expect("Plugin.Activate");
      for (const driver of ["NetworkDriver", "IpamDriver"]) {
        assert.ok((Implements as string[]).includes(driver), `Implements lacks ${driver}`);
      }
      const { Scope } = await caller.expect("NetworkDriver.GetCapabilities");
      assert.ok(Scope === "local" || Scope === "global", `Scope is ${JSON.stringify(Scope)}`);
      const { RequiresMACAddress } = await caller.expect("IpamDriver.GetCapabilities");
      assert.equal(typeof RequiresMACAddress, "boolean", "RequiresMACAddress");
      const spaces = await caller.expect("IpamDriver.GetDefaultAddressSpaces");
      for (const key of ["LocalDefaultAddressSpace", "GlobalDefaultAddressSpace"]) {
        assert.ok(typeof spaces[key] === "string" && spaces[key] !== "", `${key} is ${JSON.stringify(spaces[key])}`);
      }
    },
  },
  {
    id: "unknown-method",
    title: "an unknown method is 404, so that Docker knows it is not implemented",
    async run({ caller }) {
      assert.equal((await caller.call("NetworkDriver.NotInvented", {})).status, 404);
    },
  },
  ...WITH_ARGUMENTS.map(
    (method): CnmCase => ({
      id: `empty-body-${method}`,
      title: `${method} with the empty body of a repeated call is refused with status 400`,
      async run({ caller }) {
        const { status, body } = await caller.call(method);
        assert.equal(status, 400);
        assert.ok(typeof body?.Err === "string" && body.Err !== "", "the refusal has no Err");
      },
    }),
  ),
  {
    id: "empty-bodies-hold-nothing",
    title: "calls with the empty body of a repeated call hold no address",
    needs: ["held"],
    async run({ caller, holds }) {
      for (const method of WITH_ARGUMENTS) await caller.call(method);
      await holds(0);
    },
  },
  {
    id: "broken-body",
    title: "a body that is no JSON is refused, and the connection stays usable",
    async run({ caller }) {
      assert.equal((await caller.call("NetworkDriver.Join", "{")).status, 400);
      await caller.expect("Plugin.Activate");
    },
  },
  {
    id: "keys-of-later-engines",
    title: "keys of later engines are ignored",
    async run({ caller, docker, network }) {
      const made = await network();
      const address = await docker.requestAddress(made.v4);
      const body = { ...docker.createEndpointBody(made, dockerId(), { address }), FutureKey: { a: [1] } };
      await caller.expect("NetworkDriver.CreateEndpoint", body);
    },
  },
];
