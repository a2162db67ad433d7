import { Cidr, type IpAddress, isHoldfastError, Name } from "@holdfast/core";
import { newSubnetSchema } from "@holdfast/model";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { claimName, type EngineHarness, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";

const WEB = Name.parse("web");
const PREFIXES = ["10.20.0.0/28", "10.30.0.0/29", "fd00:20::/64"] as const;

/** The same figures, by going through everything. */
function recount({ engine, clock }: EngineHarness) {
  const network = engine.platform.state.network(TENANT, WEB);
  const claims = [...(network?.claims.values() ?? [])];
  const subnets = (network?.record?.subnets ?? []).map((subnet) => {
    const inside = (address: IpAddress) => Cidr.contains(subnet.prefix, address);
    const used = claims.flatMap(({ addresses }) => addresses.filter(inside));
    const held = claims
      .filter(({ binding }) => binding === undefined)
      .flatMap(({ addresses }) => addresses.filter(inside));
    const cooling = [...(network?.cooling.values() ?? [])].filter(
      ({ address, until }) => inside(address) && Date.parse(until) > clock.now().getTime(),
    );
    const hosts = Cidr.family(subnet.prefix) === "v4" ? Cidr.size(subnet.prefix) - 3n : Cidr.size(subnet.prefix) - 2n;
    return {
      prefix: subnet.prefix,
      capacity: String(hosts),
      used: String(used.length),
      held: String(held.length),
      cooling: String(cooling.length),
      quarantined: "0",
      setAside: "0",
      free: String(hosts - BigInt(used.length + cooling.length)),
    };
  });
  return { claims: claims.length, addresses: claims.flatMap(({ addresses }) => addresses).length, subnets };
}

async function step(harness: EngineHarness, kind: number, index: number): Promise<unknown> {
  const { claims, subnets } = harness.engine.nouns;
  const identity = `i${index % 6}`;
  const endpoint = `e${index % 6}`;
  const prefix = PREFIXES[index % PREFIXES.length] as (typeof PREFIXES)[number];
  switch (kind) {
    case 0:
    case 1:
      return harness.claim("web", identity, index % 3 === 0 ? {} : { subnet: prefix });
    case 2:
      return claims.release(claimName("web", identity), OPERATOR);
    case 3:
      return harness.reserve("h1", { endpoint, network: "web", ...(index % 2 === 0 ? { identity } : {}) });
    case 4: {
      const epoch = harness.engine.platform.state.endpoints.get(endpoint)?.epoch ?? 1;
      return harness.report("h1", endpoint, epoch, ["released"]);
    }
    case 5:
      return subnets.add(TENANT, WEB, newSubnetSchema.parse({ prefix }), OPERATOR);
    case 6:
      return subnets.remove(TENANT, WEB, Cidr.parse(prefix), OPERATOR);
    default:
      return harness.advance(index * 1000);
  }
}

describe("utilisation", () => {
  test("is what a recount gives, whatever has happened, and after a start", async () => {
    const program = fc.array(fc.tuple(fc.nat(7), fc.nat(30)), { minLength: 5, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(program, async (steps) => {
        await using harness = await startEngine();
        await harness.network("web", {
          subnets: PREFIXES.slice(0, 2).map((prefix) => ({ prefix })),
          cooldownSeconds: 20,
        });
        await harness.node("h1");
        for (const [kind, index] of steps) {
          await step(harness, kind, index).catch((error: unknown) => {
            if (!isHoldfastError(error) || error.code === "internal") throw error;
          });
          check(harness);
        }
        await using restarted = await startEngine({ store: harness.store, clock: harness.clock });
        check(restarted);
      }),
      { numRuns: 40 },
    );
  });

  test("of a tenant is the sum of its networks, with its quotas", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.network("db", { subnets: [{ prefix: "10.30.0.0/24" }, { prefix: "fd00:30::/64" }] });
    await harness.claim("web", "a");
    await harness.claim("db", "a");
    await harness.engine.nouns.tenants.update(TENANT, { quotas: { networks: 5 } }, OPERATOR);
    expect(harness.engine.nouns.usage.ofTenant(TENANT)).toEqual({
      tenant: "default",
      networks: 2,
      claims: 2,
      addresses: 3,
      quotas: { networks: 5 },
      v4: { capacity: "506", used: "2", held: "2", cooling: "0", quarantined: "0", setAside: "0", free: "504" },
      v6: {
        capacity: String(2n ** 64n - 2n),
        used: "1",
        held: "1",
        cooling: "0",
        quarantined: "0",
        setAside: "0",
        free: String(2n ** 64n - 3n),
      },
    });
  });
});

function check(harness: EngineHarness): void {
  const expected = recount(harness);
  const { usage } = harness.engine.nouns;
  expect(usage.ofNetwork(TENANT, WEB).subnets).toEqual(expected.subnets);
  expect(usage.ofTenant(TENANT)).toMatchObject({ claims: expected.claims, addresses: expected.addresses });
}
