import { IpAddress, isHoldfastError, Name } from "@holdfast/core";
import { ManualClock, seededRandom } from "@holdfast/core/testing";
import type { Claim, Endpoint } from "@holdfast/model";
import { openMemoryStore, type Store } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { collidingStore } from "./testing/colliding-store.ts";
import { claimName, type EngineHarness, OPERATOR, startEngine } from "./testing/engine-harness.ts";

interface Found {
  readonly claims: readonly Claim[];
  readonly endpoints: readonly Endpoint[];
  readonly addresses: ReadonlyMap<string, string>;
}

async function everything(store: Store): Promise<Found> {
  const list = async <T>(prefix: string) =>
    (await store.list(prefix)).entries.map(({ value }) => JSON.parse(value) as T);
  const addresses = (await store.list("addresses/")).entries;
  return {
    claims: await list<Claim>("claims/"),
    endpoints: await list<Endpoint>("endpoints/"),
    addresses: new Map(addresses.map(({ key, value }) => [key.slice("addresses/".length), value])),
  };
}

/** What must hold of every store, whatever happened. */
function checkOneOwner({ claims, endpoints, addresses }: Found): void {
  const owners = new Map<string, string>();
  for (const claim of claims) {
    for (const address of claim.addresses) {
      const key = `${claim.tenant}/${claim.network}/${address}`;
      expect(owners.get(key), `${key} has two owners`).toBeUndefined();
      owners.set(key, claim.identity);
      expect(addresses.get(key)).toBe(JSON.stringify({ identity: claim.identity }));
    }
    const serving = endpoints.filter(
      ({ identity, network }) => identity === claim.identity && network === claim.network,
    );
    expect(serving.map(({ id }) => id)).toEqual(claim.binding === undefined ? [] : [claim.binding.endpoint]);
    for (const endpoint of serving) expect(endpoint).toMatchObject({ node: claim.binding?.node, epoch: claim.epoch });
  }
  expect(owners.size).toBe(addresses.size);
  const claimed = new Set(claims.map(({ identity, network }) => `${network}/${identity}`));
  for (const { network, identity } of endpoints) expect(claimed.has(`${network}/${identity}`)).toBe(true);
}

describe("one owner", () => {
  test("of 64 that claim one address at once, one gets it, and the others learn who", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    const tries = Array.from({ length: 64 }, (_, index) =>
      harness.claim("web", `id-${index}`, { addresses: ["10.20.0.7"] }).then(
        (claim) => claim.identity as string,
        (error: unknown) => error,
      ),
    );
    const results = await Promise.all(tries);
    const [winner, ...others] = results.filter((result) => typeof result === "string");
    expect(others).toEqual([]);
    for (const error of results.filter((result) => typeof result !== "string")) {
      expect(isHoldfastError(error, "address_in_use") && error.details).toMatchObject({ identity: winner });
    }
    checkOneOwner(await everything(harness.store));
  });

  test("two controllers on one store that claim one address at once: one gets it", async () => {
    await using first = await startEngine();
    await using second = await startEngine({ store: first.store, clock: first.clock });
    await first.network("web");
    const tries = Array.from({ length: 32 }, (_, index) =>
      (index % 2 === 0 ? first : second).claim("web", `id-${index}`, { addresses: ["10.20.0.7"] }),
    );
    const results = await Promise.allSettled(tries);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    checkOneOwner(await everything(first.store));
  });

  test("two controllers that choose addresses by themselves never choose the same", async () => {
    await using first = await startEngine();
    await using second = await startEngine({ store: first.store, clock: first.clock });
    await first.network("web");
    const tries = Array.from({ length: 100 }, (_, index) =>
      (index % 2 === 0 ? first : second).claim("web", `id-${index}`),
    );
    const claims = await Promise.all(tries);
    expect(new Set(claims.map(({ addresses }) => addresses[0])).size).toBe(100);
    checkOneOwner(await everything(first.store));
  });

  test("of two nodes that reserve one claim at once, one gets it", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.claim("web", "a");
    for (const node of ["h1", "h2", "h3"]) await harness.node(node);
    const tries = Array.from({ length: 30 }, (_, index) =>
      harness.reserve(`h${(index % 3) + 1}`, { endpoint: `e${index}`, network: "web", identity: "a" }),
    );
    const results = await Promise.allSettled(tries);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(harness.getClaim("web", "a").epoch).toBe(1);
    checkOneOwner(await everything(harness.store));
  });

  test.each(Array.from({ length: 12 }, (_, seed) => seed))(
    "holds in random interleavings of two controllers over a store where everything collides (%i)",
    async (seed) => {
      const random = seededRandom(seed);
      const clock = new ManualClock();
      const store = openMemoryStore({ clock });
      await using first = await startEngine({ store: collidingStore(store, random), clock });
      await using second = await startEngine({ store: collidingStore(store, random), clock });
      await first.network("web", { subnets: [{ prefix: "10.20.0.0/27" }], cooldownSeconds: 0 });
      await Promise.all([first, second].flatMap((one) => ["h1", "h2", "h3"].map((node) => one.node(node))));
      await Promise.all(Array.from({ length: 6 }, () => carryOn([first, second], random, 40)));
      checkOneOwner(await everything(store));
      const { claims, endpoints } = await everything(store);
      for (const { engine } of [first, second]) {
        await engine.platform.state.reached(await store.revision());
        expect(engine.platform.state.endpoints.size).toBe(endpoints.length);
        expect(engine.platform.state.network(claimName("web", "i").tenant, Name.parse("web"))?.claims.size).toBe(
          claims.length,
        );
      }
    },
  );
});

/** One client that does whatever it likes, for a while; refusals are part of life. */
async function carryOn(harnesses: readonly EngineHarness[], random: () => number, steps: number): Promise<void> {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  for (let step = 0; step < steps; step++) {
    const harness = pick(harnesses);
    const node = pick(["h1", "h2", "h3"]);
    const identity = pick(["i0", "i1", "i2", "i3"]);
    const endpoint = `e${Math.floor(random() * 30)}`;
    const address = IpAddress.parse(`10.20.0.${2 + Math.floor(random() * 6)}`);
    try {
      await anything(harness, random, { node, identity, endpoint, address });
    } catch (error) {
      if (!isHoldfastError(error) || error.code === "internal") throw error;
    }
  }
}

async function anything(
  harness: EngineHarness,
  random: () => number,
  names: { node: string; identity: string; endpoint: string; address: IpAddress },
): Promise<unknown> {
  const { node, identity, endpoint, address } = names;
  const { claims, endpoints } = harness.engine.nouns;
  const known = harness.engine.platform.state.endpoints.get(endpoint);
  switch (Math.floor(random() * 9)) {
    case 0:
      return harness.claim("web", identity, random() < 0.5 ? {} : { addresses: [address] });
    case 1:
      return claims.release(claimName("web", identity), OPERATOR);
    case 2:
      return claims.move(claimName("web", identity), { node: Name.parse(node), force: true }, OPERATOR);
    case 3:
      return endpoints.delete(endpoint, OPERATOR);
    case 4:
    case 5:
      return harness.reserve(node, { endpoint, network: "web", ...(random() < 0.5 ? { identity } : { address }) });
    case 6:
      return harness.report(known?.node ?? node, endpoint, known?.epoch ?? 1, ["released"]);
    case 7:
      return harness.report(known?.node ?? node, endpoint, known?.epoch ?? 1, ["binding"]);
    default: {
      const replaced = known === undefined ? {} : { replaces: endpoint };
      return harness.reports(node, [
        { endpoint: `${endpoint}-r`, epoch: known?.epoch ?? 1, transitions: [], ...replaced },
      ]);
    }
  }
}
