import { Cidr } from "@holdfast/core";
import { afterAll, beforeAll, describe, test } from "vitest";
import { asRemote, ip, on, wiring } from "../../src/testing/parties.ts";
import { matrixCases, OTHER, OWN } from "../matrix/cases.ts";
import { MatrixWorld } from "../matrix/matrix-world.ts";
import { Prober } from "../matrix/prober.ts";
import { applyEverywhere, expectCase, type Matrix } from "../matrix/run-matrix.ts";
import { World } from "./world.ts";

const world = new MatrixWorld([
  { tenant: OWN, kind: "routed", prefixes: [Cidr.parse("10.20.0.0/24"), Cidr.parse("fd00:20::/64")] },
  { tenant: OTHER, kind: "routed", prefixes: [Cidr.parse("10.30.0.0/24"), Cidr.parse("fd00:30::/64")] },
]);
const cases = matrixCases(world.ground);

describe("everybody tries everybody else on two machines of the plain kernel, and meets what policies mean", () => {
  const undo = new AsyncDisposableStack();
  const signal = AbortSignal.timeout(170_000);
  let matrix: Matrix;

  beforeAll(async () => {
    const machines = undo.use(await World.start());
    for (const [index, { machine }] of machines.hosts.entries()) {
      await machine.kernel.replaceAddress({ link: "eth0", ...on(`fd00:50::1${index + 1}/64`) });
    }
    const drivers = machines.hosts.map(({ driver }) => driver);
    await applyEverywhere(drivers, world.set({ name: "none", policies: [] }, "allow"), signal);
    const probers = new Map<string, Prober>();
    for (const party of world.parties) {
      const endpoint = wiring(party.id, party.member.tenant === OWN ? "n7" : "n9", party.addresses, {
        policy: { program: world.programOf(party) },
      });
      const { sandbox } = await machines.place(party.machine, endpoint);
      const [here, there] = party.machine === 0 ? machines.hosts : machines.hosts.toReversed();
      if (here === undefined || there === undefined) throw new TypeError("two machines");
      const via = [ip(here.address), ip(`fd00:50::1${party.machine + 1}`)];
      there.driver.setRemote({ ...asRemote(endpoint, here.address), via });
      probers.set(party.id, undo.use(await Prober.start(sandbox, party.id)));
    }
    matrix = { world, drivers, probers };
  }, 60_000);
  afterAll(() => undo.disposeAsync());

  for (const verdict of ["allow", "deny"] as const) {
    test.each(cases)(`default ${verdict}: $name`, async (each) => {
      await expectCase(matrix, each, verdict, signal);
    });
  }
});
