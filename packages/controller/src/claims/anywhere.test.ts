import { Name } from "@holdfast/core";
import { newTenantClaimSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { claimName, type EngineHarness, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";

const PROD = { env: "prod" };

function create(harness: EngineHarness, identity: string, body: object = {}) {
  const parsed = newTenantClaimSchema.parse({ identity, selector: "env=prod", ...body });
  return harness.engine.nouns.anywhere.create(TENANT, parsed, OPERATOR);
}

/** One address to give, `10.N.0.10`. */
function small(harness: EngineHarness, name: string, number: number, labels: object = PROD) {
  const [first, last] = [`10.${number}.0.10`, `10.${number}.0.10`];
  return harness.network(name, { subnets: [{ prefix: `10.${number}.0.0/24`, ranges: [{ first, last }] }], labels });
}

describe("a claim in any network with some labels", () => {
  test("is made in the first that has room: by priority, then the oldest, then by name", async () => {
    await using harness = await startEngine();
    await small(harness, "zebra", 1);
    await small(harness, "ape", 2);
    await harness.advance(1000);
    await small(harness, "new", 3);
    await small(harness, "last", 4, { ...PROD, "holdfast.priority": "20" });
    await small(harness, "best", 5, { ...PROD, "holdfast.priority": "3" });
    await small(harness, "odd", 6, { ...PROD, "holdfast.priority": "first" });
    await small(harness, "test", 7, { env: "test" });
    const given: string[] = [];
    for (let count = 0; count < 6; count++) given.push((await create(harness, `r-${count}`)).network);
    expect(given).toEqual(["best", "last", "ape", "zebra", "new", "odd"]);
    const full = await refusal(create(harness, "r-6"));
    expect(full).toMatchObject({ code: "pool_exhausted", details: { networks: "best,last,ape,zebra,new,odd" } });
    expect(full.message).toContain("no network of tenant default with env=prod can give r-6 what it asks for");
    for (const name of given) expect(full.message).toMatch(new RegExp(`[;] ${name}: no v4 address is free`));
    expect((await create(harness, "t-0", { selector: undefined })).network).toBe("test");
  });

  test("has all families of that network or goes on to the next, and leaves nothing behind", async () => {
    await using harness = await startEngine();
    const none = [{ first: "fd00:1::2", last: "fd00:1::2" }];
    const subnets = [{ prefix: "10.1.0.0/24" }, { prefix: "fd00:1::/64", ranges: none }];
    await harness.network("a", { subnets, labels: PROD });
    await harness.claim("a", "first");
    await harness.advance(1000);
    await harness.network("b", { subnets: [{ prefix: "10.2.0.0/24" }, { prefix: "fd00:2::/64" }], labels: PROD });
    expect((await create(harness, "r")).addresses).toEqual(["10.2.0.2", "fd00:2::2"]);
    expect((await harness.claim("a", "second", { subnet: "10.1.0.0/24" })).addresses).toEqual(["10.1.0.3"]);
  });

  test("is refused when the identity has one in any of these networks, also when both are asked for at once", async () => {
    await using harness = await startEngine();
    await small(harness, "a", 1);
    await harness.advance(1000);
    await small(harness, "b", 2);
    await harness.claim("b", "r");
    expect(await refusal(create(harness, "r"))).toMatchObject({ code: "already_exists", details: { network: "b" } });
    await harness.engine.nouns.claims.release(claimName("b", "r"), OPERATOR);
    await harness.advance(60_000);
    const both = await Promise.allSettled([create(harness, "s"), create(harness, "s")]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect((await harness.store.list("claims/")).entries).toHaveLength(1);
  });

  test("names what is missing: the tenant, a network with the labels, a selector that is one", async () => {
    await using harness = await startEngine();
    await small(harness, "a", 1);
    const none = await refusal(create(harness, "r", { selector: "env=stage" }));
    expect(none).toMatchObject({
      code: "not_found",
      message: expect.stringContaining("with env=stage; its networks: a"),
    });
    expect((await refusal(create(harness, "r", { selector: "env" }))).details).toEqual({ field: "selector" });
    const red = newTenantClaimSchema.parse({ identity: "r" });
    const nowhere = harness.engine.nouns.anywhere.create(Name.parse("red"), red, OPERATOR);
    expect((await refusal(nowhere)).message).toBe("there is no tenant red");
  });

  test("says the common reason of all, when they have one", async () => {
    await using harness = await startEngine();
    await small(harness, "a", 1);
    await small(harness, "b", 2);
    const refused = await refusal(create(harness, "r", { group: "db" }));
    expect(refused.code).toBe("invalid_argument");
    expect(refused.message).toMatch(/a: .*no range for group db.*; b: .*no range for group db/);
  });
});
