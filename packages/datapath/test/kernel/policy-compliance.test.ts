import { routed, TENANTS_NETWORKS } from "../../src/testing/parties.ts";
import { policyCompliance } from "../../src/testing/policy-compliance.ts";
import { SandboxParty } from "../policy-party.ts";
import { Machine } from "./machine.ts";

const { first, other } = TENANTS_NETWORKS;

policyCompliance(
  "the plain kernel",
  { networks: { first: routed(first), other: routed(other) }, packets: true },
  async () => {
    const machine = await Machine.start();
    const undo = new AsyncDisposableStack();
    undo.use(machine);
    return {
      open: () => machine.open(),
      async plug(port, { addresses }) {
        const sandbox = await machine.plug(port, addresses);
        return undo.use(await SandboxParty.start(sandbox.path));
      },
      [Symbol.asyncDispose]: () => undo.disposeAsync(),
    };
  },
);
