import { Cidr } from "@holdfast/core";
import { afterAll, beforeAll, describe, test } from "vitest";
import { asRemote, on, wiring } from "../src/testing/parties.ts";
import { matrixCases, OTHER, OWN } from "./matrix/cases.ts";
import { MatrixWorld } from "./matrix/matrix-world.ts";
import { Prober } from "./matrix/prober.ts";
import { applyEverywhere, expectCase, type Matrix } from "./matrix/run-matrix.ts";
import { TwoHosts } from "./two-hosts.ts";

/** Of so many cases one is tried; 1: all. */
const EVERY = Number(process.env.HOLDFAST_MATRIX_EVERY ?? 4);

// Overlays with the same addresses: neither tenant can as much as name the other's.
const prefixes = [Cidr.parse("10.30.0.0/24"), Cidr.parse("fd00:30::/64")] as const;
const world = new MatrixWorld([
  { tenant: OWN, kind: "vxlan", prefixes },
  { tenant: OTHER, kind: "vxlan", prefixes },
]);
const cases = matrixCases(world.ground);

describe("everybody tries everybody else on two machines with Open vSwitch, and meets what policies mean", () => {
  const undo = new AsyncDisposableStack();
  const signal = AbortSignal.timeout(300_000);
  let matrix: Matrix;

  beforeAll(async () => {
    const hosts = undo.use(await TwoHosts.start());
    const drivers = [hosts.driver(0), hosts.driver(1)];
    await applyEverywhere(drivers, world.set({ name: "none", policies: [] }, "allow"), signal);
    const probers = new Map<string, Prober>();
    for (const party of world.parties) {
      const network = party.member.tenant === OWN ? "n8" : "n9";
      const endpoint = wiring(party.id, network, party.addresses, { policy: { program: world.programOf(party) } });
      const port = await hosts.driver(party.machine).attach(endpoint, signal);
      hosts.driver(1 - party.machine).setRemote(asRemote(endpoint, TwoHosts.tunnel(party.machine)));
      const [v4 = "", v6 = ""] = party.addresses;
      const sandbox = undo.use(await hosts.hosts[party.machine].plug(port, [on(`${v4}/24`), on(`${v6}/64`)]));
      probers.set(party.id, undo.use(await Prober.start(sandbox)));
    }
    matrix = { world, drivers, probers, meet: (from, to) => from.member.tenant === to.member.tenant };
  }, 60_000);
  afterAll(() => undo.disposeAsync());

  for (const [index, verdict] of (["allow", "deny"] as const).entries()) {
    test.each(cases.filter((_, number) => (number + index) % EVERY === 0))(
      `default ${verdict}: $name`,
      async (each) => {
        await expectCase(matrix, each, verdict, signal);
      },
    );
  }
});
