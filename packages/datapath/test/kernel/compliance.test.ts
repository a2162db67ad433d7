import { driverCompliance } from "../../src/testing/driver-compliance.ts";
import { routed, TENANTS_NETWORKS } from "../../src/testing/parties.ts";
import { Machine } from "./machine.ts";

const { first, other } = TENANTS_NETWORKS;

driverCompliance("the plain kernel", { networks: { first: routed(first), other: routed(other) } }, async () => {
  const machine = await Machine.start();
  return {
    kernel: machine.kernel,
    open: () => machine.open(),
    openings: async () => (await machine.rules()).match(/elements = \{ tcp[^}]*\}/g) ?? [],
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
});
