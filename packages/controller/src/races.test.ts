import { Cidr, Name } from "@holdfast/core";
import { ManualClock, seededRandom } from "@holdfast/core/testing";
import { newNetworkSchema, newSubnetSchema } from "@holdfast/model";
import { openMemoryStore } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { collidingStore } from "./testing/colliding-store.ts";
import { claimName, type EngineHarness, OPERATOR, startEngine, TENANT } from "./testing/engine-harness.ts";

const WEB = Name.parse("web");
const SEEDS = Array.from({ length: 25 }, (_, seed) => seed);

/** Two controllers on one store where everything collides. */
async function twoControllers(seed: number) {
  const random = seededRandom(seed);
  const clock = new ManualClock();
  const store = openMemoryStore({ clock });
  const first = await startEngine({ store: collidingStore(store, random), clock });
  const second = await startEngine({ store: collidingStore(store, random), clock });
  return {
    store,
    first,
    second,
    [Symbol.asyncDispose]: async () => {
      await first.engine.stop();
      await second.engine.stop();
    },
  };
}

describe("between two controllers", () => {
  test.each(SEEDS)("a network that is deleted takes no claim with it (%i)", async (seed) => {
    await using both = await twoControllers(seed);
    const { first, second, store } = both;
    await first.network("web");
    await Promise.allSettled([
      first.claim("web", "a"),
      second.engine.nouns.networks.delete(TENANT, WEB, OPERATOR),
      first.claim("web", "b"),
    ]);
    const claims = (await store.list("claims/")).entries.length;
    expect((await store.list("networks/")).entries).toHaveLength(claims > 0 ? 1 : 0);
  });

  test.each(SEEDS)("a subnet that is removed takes no address with it (%i)", async (seed) => {
    await using both = await twoControllers(seed);
    const { first, second, store } = both;
    await first.network("web", { subnets: [{ prefix: "10.20.0.0/24" }, { prefix: "10.30.0.0/24" }] });
    await Promise.allSettled([
      first.claim("web", "a", { addresses: ["10.30.0.9"] }),
      second.engine.nouns.subnets.remove(TENANT, WEB, Cidr.parse("10.30.0.0/24"), OPERATOR),
      first.claim("web", "b", { addresses: ["10.30.0.10"] }),
    ]);
    const claims = (await store.list("addresses/")).entries.length;
    const network = JSON.parse((await store.get("networks/default/web"))?.value ?? "{}");
    expect(network.subnets).toHaveLength(claims > 0 ? 2 : 1);
    expect(network.closing).toBeUndefined();
  });

  test.each(SEEDS)("of overlapping networks of a tenant one is made (%i)", async (seed) => {
    await using both = await twoControllers(seed);
    const { first, second, store } = both;
    await first.network("old", { subnets: [] });
    await Promise.allSettled([
      first.network("a", { subnets: [{ prefix: "10.0.0.0/8" }] }),
      second.network("b", { subnets: [{ prefix: "10.1.0.0/16" }] }),
      second.engine.nouns.subnets.add(
        TENANT,
        Name.parse("old"),
        newSubnetSchema.parse({ prefix: "10.1.2.0/24" }),
        OPERATOR,
      ),
    ]);
    const networks = (await store.list("networks/")).entries.map(({ value }) => JSON.parse(value));
    expect(networks.flatMap(({ subnets }) => subnets)).toHaveLength(1);
  });

  test.each(SEEDS)("of overlapping prefixes of routed networks one is given, whoever asks (%i)", async (seed) => {
    await using both = await twoControllers(seed);
    const { first, second, store } = both;
    const body = newNetworkSchema.parse({ name: "web", kind: "routed" });
    const tenants = ["red", "blue"].map((name) => Name.parse(name));
    for (const name of tenants) {
      await first.engine.nouns.tenants.create({ name, labels: {} }, OPERATOR);
      await first.engine.nouns.networks.create(name, body, OPERATOR);
    }
    const add = ({ engine }: EngineHarness, tenant: Name | undefined, prefix: string) =>
      engine.nouns.subnets.add(tenant ?? TENANT, WEB, newSubnetSchema.parse({ prefix }), OPERATOR);
    await Promise.allSettled([
      add(first, tenants[0], "10.0.0.0/8"),
      add(second, tenants[1], "10.1.0.0/16"),
      first.network("third", { kind: "routed", subnets: [{ prefix: "10.1.2.0/24" }] }),
    ]);
    const networks = (await store.list("networks/")).entries.map(({ value }) => JSON.parse(value));
    expect(networks.flatMap(({ subnets }) => subnets)).toHaveLength(1);
  });

  test.each(SEEDS)("ids and segments of networks are never given twice (%i)", async (seed) => {
    await using both = await twoControllers(seed);
    const { first, second } = both;
    const body = { ...(await first.network("web", { subnets: [] })), segment: undefined, subnets: [] };
    const tenants = Array.from({ length: 8 }, (_, index) => Name.parse(`t${index}`));
    for (const name of tenants) await first.engine.nouns.tenants.create({ name, labels: {} }, OPERATOR);
    const made = await Promise.all(
      tenants.map((tenant, index) => {
        const { networks } = (index % 2 === 0 ? first : second).engine.nouns;
        return networks.create(tenant, index < 4 ? body : { ...body, segment: 200 + index }, OPERATOR);
      }),
    );
    expect(new Set(made.map(({ id }) => id)).size).toBe(8);
    expect(new Set(made.map(({ segment }) => segment)).size).toBe(8);
  });

  test.each(SEEDS)("changes of one claim are all kept (%i)", async (seed) => {
    await using both = await twoControllers(seed);
    const { first, second } = both;
    await first.network("web");
    await first.node("h1");
    await first.claim("web", "a");
    await first.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    const [, outcome] = await Promise.all([
      second.engine.nouns.claims.update(claimName("web", "a"), { labels: { env: "prod" } }, OPERATOR),
      first.report("h1", "e1", 1, ["released"]),
    ]);
    expect(outcome).toBe("done");
    const claim = JSON.parse((await both.store.get("claims/default/web/a"))?.value ?? "{}");
    expect(claim.labels).toEqual({ env: "prod" });
    expect(claim.binding).toBeUndefined();
  });

  test.each(SEEDS)("a tenant that is deleted takes no network with it (%i)", async (seed) => {
    await using both = await twoControllers(seed);
    const { first, second, store } = both;
    const red = Name.parse("red");
    await first.engine.nouns.tenants.create({ name: red, labels: {} }, OPERATOR);
    const body = { ...(await first.network("web", { subnets: [] })), segment: undefined, subnets: [] };
    await Promise.allSettled([
      first.engine.nouns.networks.create(red, body, OPERATOR),
      second.engine.nouns.tenants.delete(red, OPERATOR),
    ]);
    const networks = (await store.list("networks/red/")).entries.length;
    expect((await store.list("tenants/red")).entries).toHaveLength(networks);
  });

  test.each(SEEDS)(
    "the last addresses go to whoever comes first, and the others are told that there are no more (%i)",
    async (seed) => {
      await using both = await twoControllers(seed);
      const { first, second } = both;
      await first.network("web", { subnets: [{ prefix: "10.20.0.0/29" }] });
      const tries = Array.from({ length: 16 }, (_, index) =>
        (index % 2 === 0 ? first : second).claim("web", `id-${index}`),
      );
      const results = await Promise.allSettled(tries);
      const refusals = results.flatMap((result) => (result.status === "rejected" ? [result.reason.code] : []));
      expect(refusals).toEqual(Array.from({ length: 11 }, () => "pool_exhausted"));
    },
  );

  test.each(SEEDS)("what was acknowledged is there at once where it was acknowledged (%i)", async (seed) => {
    await using both = await twoControllers(seed);
    const { first } = both;
    await first.network("web");
    for (let index = 0; index < 5; index++) {
      const claim = await first.claim("web", `id-${index}`);
      expect(first.getClaim("web", `id-${index}`)).toEqual(claim);
    }
  });
});
