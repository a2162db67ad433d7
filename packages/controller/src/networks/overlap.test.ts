import { Identity, IpAddress, Name } from "@holdfast/core";
import { newClaimSchema, newNetworkSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { type EngineHarness, OPERATOR, startEngine } from "../testing/engine-harness.ts";

const TENANTS = ["red", "green", "blue"].map((name) => Name.parse(name));
const WEB = Name.parse("web");
const ADDRESS = IpAddress.parse("10.20.0.9");
const REDIS = Identity.parse("redis-0");

/** Three tenants, each with a network of the same name and prefix, and a claim of the same identity and address. */
async function threeAlike(parts: Parameters<typeof startEngine>[0] = {}): Promise<EngineHarness> {
  const harness = await startEngine(parts);
  const { tenants, networks, claims } = harness.engine.nouns;
  for (const name of TENANTS) {
    await tenants.create({ name, labels: {} }, OPERATOR);
    const body = newNetworkSchema.parse({ name: "web", kind: "vxlan", subnets: [{ prefix: "10.20.0.0/24" }] });
    await networks.create(name, body, OPERATOR);
    await claims.create(name, WEB, newClaimSchema.parse({ identity: REDIS, addresses: [ADDRESS] }), OPERATOR);
  }
  return harness;
}

const stories = async ({ engine }: EngineHarness) =>
  (await engine.nouns.explainer.explain(ADDRESS, {})).map(({ tenant, state }) => `${tenant} ${state}`).sort();

describe("tenants with the same prefix, names, identities and addresses", () => {
  test("are told apart: one's release is nothing to the others", async () => {
    await using harness = await threeAlike();
    const { claims, usage } = harness.engine.nouns;
    const [red, green] = TENANTS as [Name, Name];
    expect(await stories(harness)).toEqual(["blue claimed", "green claimed", "red claimed"]);
    await claims.release({ tenant: red, network: WEB, identity: REDIS }, OPERATOR);
    expect(await stories(harness)).toEqual(["blue claimed", "green claimed", "red cooling"]);
    expect(claims.get({ tenant: green, network: WEB, identity: REDIS }).addresses).toEqual([ADDRESS]);
    expect(TENANTS.map((name) => usage.ofTenant(name).addresses)).toEqual([0, 1, 1]);
    expect(TENANTS.map((name) => usage.ofTenant(name).v4.cooling)).toEqual(["1", "0", "0"]);
    const [story] = await harness.engine.nouns.explainer.explain(ADDRESS, { tenant: green });
    expect(story).toMatchObject({ tenant: "green", identity: REDIS, state: "claimed" });
  });

  test("are bound each for itself, and a node is told of each with its network's own segment", async () => {
    await using harness = await threeAlike();
    await harness.node("h1", "192.0.2.1");
    for (const [index, tenant] of TENANTS.entries()) {
      await harness.reserve("h1", { endpoint: `e${index}`, tenant, network: "web", identity: REDIS });
    }
    const segments = TENANTS.map((tenant) => harness.engine.nouns.networks.get(tenant, WEB).segment);
    expect(new Set(segments).size).toBe(3);
    const bound = [...harness.engine.platform.state.endpoints.values()];
    expect(bound.map(({ tenant, addresses }) => `${tenant} ${addresses[0]}`).sort()).toEqual([
      "blue 10.20.0.9",
      "green 10.20.0.9",
      "red 10.20.0.9",
    ]);
    expect(await stories(harness)).toEqual(["blue bound", "green bound", "red bound"]);
  });

  test("are the same after a restart, and drained and limited one by one", async () => {
    await using first = await threeAlike();
    await first.engine.stop();
    await using harness = await startEngine({ store: first.store, clock: first.clock });
    expect(await stories(harness)).toEqual(["blue claimed", "green claimed", "red claimed"]);
    const [red, green, blue] = TENANTS as [Name, Name, Name];
    const { claims, draining, tenants, networks } = harness.engine.nouns;
    const [subnet] = networks.get(red, WEB).subnets;
    if (subnet === undefined) throw new Error("no subnet");
    await draining.drain({ tenant: red, network: WEB, prefix: subnet.prefix }, { removeWhenEmpty: false }, OPERATOR);
    await tenants.update(green, { quotas: { claims: 1 } }, OPERATOR);
    const claim = (tenant: Name) => claims.create(tenant, WEB, newClaimSchema.parse({ identity: "more" }), OPERATOR);
    await expect(claim(red)).rejects.toMatchObject({ code: "pool_exhausted" });
    await expect(claim(green)).rejects.toMatchObject({ code: "quota_exceeded" });
    await expect(claim(blue)).resolves.toMatchObject({ tenant: "blue" });
  });
});
