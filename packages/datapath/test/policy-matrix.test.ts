import { Cidr } from "@holdfast/core";
import { afterAll, beforeAll, describe, test } from "vitest";
import { asRemote, ip, network, on, wiring } from "../src/testing/parties.ts";
import { type MatrixCase, matrixCases, OTHER, OWN } from "./matrix/cases.ts";
import { MatrixWorld, type Party } from "./matrix/matrix-world.ts";
import { Prober } from "./matrix/prober.ts";
import { applyEverywhere, expectCase, type Matrix } from "./matrix/run-matrix.ts";
import { TwoHosts } from "./two-hosts.ts";

/** Of so many cases one is tried; 1: all. */
const EVERY = Number(process.env.HOLDFAST_MATRIX_EVERY ?? 4);
const VERDICTS = ["allow", "deny"] as const;
/** Of each party: more of them are lost in a switch in user space. */
const AT_ONCE = 40;

/** Cases in which the tenants try each other, too; all, when all are tried. */
const isBetweenTenants = ({ name }: MatrixCase): boolean =>
  EVERY === 1 || name === "no policy" || name.includes("contract");

/** What a sandbox of a party is in. */
interface Place {
  readonly network: string;
  /** Routers' addresses. Absent: it has no way out of its network. */
  readonly gateways?: readonly string[];
}

/** Puts everybody onto the machines, each with the program that it has there. */
async function placeAll(
  world: MatrixWorld,
  { hosts, placeOf }: { readonly hosts: TwoHosts; readonly placeOf: (party: Party) => Place },
  { undo, signal }: { readonly undo: AsyncDisposableStack; readonly signal: AbortSignal },
): Promise<Matrix> {
  const drivers = [hosts.driver(0), hosts.driver(1)];
  await applyEverywhere(drivers, world.set({ name: "none", policies: [] }, "allow"), signal);
  const probers = new Map<string, Prober>();
  for (const party of world.parties) {
    const { network, gateways = [] } = placeOf(party);
    const endpoint = wiring(party.id, network, party.addresses, { policy: { program: world.programOf(party) } });
    const port = await hosts.driver(party.machine).attach(endpoint, signal);
    if (gateways.length === 0) {
      hosts.driver(1 - party.machine).setRemote(asRemote(endpoint, TwoHosts.tunnel(party.machine)));
    }
    const [v4 = "", v6 = ""] = party.addresses;
    const sandbox = undo.use(await hosts.hosts[party.machine].plug(port, [on(`${v4}/24`), on(`${v6}/64`)]));
    for (const gateway of gateways) {
      const prefix = gateway.includes(":") ? "::/0" : "0.0.0.0/0";
      await sandbox.kernel.replaceRoute({ prefix, nextHop: ip(gateway), protocol: 4 });
    }
    probers.set(party.id, undo.use(await Prober.start(sandbox, party.id)));
  }
  const tries: Matrix["tries"] = (which, from, to) =>
    from.member.tenant === to.member.tenant || isBetweenTenants(which);
  return { world, drivers, probers, tries, atOnce: AT_ONCE };
}

describe("on two machines with Open vSwitch", () => {
  const undo = new AsyncDisposableStack();
  const signal = AbortSignal.timeout(600_000);
  let hosts: TwoHosts;
  let matrix: Matrix;

  beforeAll(async () => {
    hosts = undo.use(await TwoHosts.start());
  }, 60_000);
  afterAll(() => undo.disposeAsync());

  describe("everybody tries everybody else, and meets what policies mean", () => {
    // Overlays with the same prefixes: some of each tenant have addresses that some of the other one have, some have not, and nobody reaches the other tenant's.
    const prefixes = [Cidr.parse("10.30.0.0/24"), Cidr.parse("fd00:30::/64")] as const;
    const world = new MatrixWorld([
      { tenant: OWN, kind: "vxlan", prefixes },
      { tenant: OTHER, kind: "vxlan", prefixes, first: 3 },
    ]);
    const cases = matrixCases(world.ground);

    beforeAll(async () => {
      const placeOf = ({ member }: Party): Place => ({ network: member.tenant === OWN ? "n8" : "n9" });
      matrix = await placeAll(world, { hosts, placeOf }, { undo, signal });
    }, 60_000);

    for (const [index, verdict] of VERDICTS.entries()) {
      test.each(cases.filter((_, number) => (number + index) % EVERY === 0))(
        `default ${verdict}: $name`,
        async (each) => {
          await expectCase(matrix, each, verdict, signal);
        },
      );
    }
  });

  describe("tenants with VLANs that the company's router joins meet where both have said so", () => {
    const world = new MatrixWorld([
      { tenant: OWN, kind: "vlan", prefixes: [Cidr.parse("10.20.0.0/24"), Cidr.parse("fd00:20::/64")] },
      { tenant: OTHER, kind: "vlan", prefixes: [Cidr.parse("10.40.0.0/24"), Cidr.parse("fd00:40::/64")] },
    ]);
    const ways: Readonly<Record<string, Place>> = {
      [OWN]: { network: "n7", gateways: ["10.20.0.1", "fd00:20::1"] },
      [OTHER]: { network: "n10", gateways: ["10.40.0.1", "fd00:40::1"] },
    };

    beforeAll(async () => {
      const foreign = network("n10", "vlan", 200, { tenant: OTHER, prefixes: ["10.40.0.0/24", "fd00:40::/64"] });
      for (const driver of hosts.drivers) driver.setNetwork(foreign);
      await hosts.fabric.leg(200, on("10.40.0.1/24"), on("fd00:40::1/64"));
      await hosts.fabric.route();
      const placeOf = ({ member }: Party): Place => ways[member.tenant] ?? { network: "none" };
      matrix = await placeAll(world, { hosts, placeOf }, { undo, signal });
    }, 60_000);

    for (const verdict of VERDICTS) {
      test.each(matrixCases(world.ground).filter(isBetweenTenants))(`default ${verdict}: $name`, async (each) => {
        await expectCase(matrix, each, verdict, signal);
      });
    }
  });
});
