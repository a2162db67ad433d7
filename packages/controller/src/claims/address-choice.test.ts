import { IpAddress, MacAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { claimName, dump, OPERATOR, startEngine } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";

const DUAL = { subnets: [{ prefix: "10.20.0.0/24" }, { prefix: "fd00:20::/64" }] };
const range = (first: string, last: string) => ({ first, last });

describe("several addresses of one claim", () => {
  test("are as many of each family, IPv4 first, and the MAC follows from the first", async () => {
    await using harness = await startEngine();
    const network = await harness.network("web", DUAL);
    const claim = await harness.claim("web", "a", { count: 2 });
    expect(claim.addresses).toEqual(["10.20.0.2", "10.20.0.3", "fd00:20::2", "fd00:20::3"]);
    expect(claim.mac).toBe(MacAddress.ofAddress(IpAddress.parse("10.20.0.2"), network.segment));
    expect((await harness.store.list("addresses/default/web/")).entries).toHaveLength(4);
    await harness.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    await harness.claim("web", "b");
    expect((await harness.claim("web", "a", { count: 3 })).addresses).toEqual([
      ...["10.20.0.2", "10.20.0.3", "10.20.0.5"],
      ...["fd00:20::2", "fd00:20::3", "fd00:20::5"],
    ]);
  });

  test("may be named, several of a family, each once", async () => {
    await using harness = await startEngine();
    await harness.network("web", DUAL);
    const addresses = ["fd00:20::9", "10.20.0.9", "10.20.0.8"];
    expect((await harness.claim("web", "a", { addresses })).addresses).toEqual([
      "10.20.0.9",
      "10.20.0.8",
      "fd00:20::9",
    ]);
    const twice = ["10.20.0.5", "fd00:20::5", "10.20.0.5"];
    expect(await refusal(harness.claim("web", "b", { addresses: twice }))).toMatchObject({
      code: "invalid_argument",
      details: { field: "addresses.2" },
    });
  });

  test("are all taken or none, whichever family is exhausted", async () => {
    await using harness = await startEngine();
    const few = [range("fd00:20::2", "fd00:20::4")];
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24" }, { prefix: "fd00:20::/64", ranges: few }] });
    const before = await dump(harness.store);
    const refused = await refusal(harness.claim("web", "a", { count: 4 }));
    expect(refused).toMatchObject({ code: "pool_exhausted", details: { family: "v6" } });
    const taken = ["10.20.0.30", "10.20.0.31", "10.20.0.1"];
    expect((await refusal(harness.claim("web", "a", { addresses: taken }))).code).toBe("address_in_use");
    expect(await dump(harness.store)).toBe(before);
    expect((await harness.claim("web", "a", { count: 3 })).addresses).toHaveLength(6);
    expect((await harness.claim("web", "b", { addresses: ["10.20.0.30"] })).addresses).toEqual(["10.20.0.30"]);
  });

  test.each([
    ["more than 32", { count: 17 }, "count", "17 addresses of each of 2 families are more than 32"],
    ["a count beside exact addresses", { count: 1, addresses: ["10.20.0.9"] }, "count", "leave one of both out"],
    ["a range beside exact addresses", { range: range("10.20.0.9", "10.20.0.9"), addresses: ["10.20.0.9"] }, "range"],
    ["a range of two subnets", { range: range("10.20.0.9", "fd00:20::1") }, "range", "does not lie in one subnet"],
    ["a range outside", { range: range("10.30.0.9", "10.30.0.10") }, "range", "10.20.0.0/24, fd00:20::/64"],
    ["a range outside the subnet", { range: range("10.20.0.9", "10.20.0.10"), subnet: "fd00:20::/64" }, "range"],
    ["a range upside down", { range: range("10.20.0.9", "10.20.0.8") }, "range", "10.20.0.9 comes after 10.20.0.8"],
    ["an unknown group", { group: "db" }, "group", "no range for group db; groups with ranges: none"],
  ])("%s: refused, naming the field", async (_, body, field, message = "") => {
    await using harness = await startEngine();
    await harness.network("web", DUAL);
    const refused = await refusal(harness.claim("web", "a", body));
    expect(refused).toMatchObject({ code: "invalid_argument", details: { field } });
    expect(refused.message).toContain(message);
  });

  test("are bound, explained and released together", async () => {
    await using harness = await startEngine();
    await harness.network("web", DUAL);
    await harness.node("h1");
    const { addresses } = await harness.claim("web", "a", { count: 2 });
    const bound = await harness.reserve("h1", { endpoint: "e1", network: "web", address: "10.20.0.3" });
    expect(bound.endpoint.addresses).toEqual(addresses);
    const { explainer } = harness.engine.nouns;
    for (const address of addresses) expect((await explainer.explain(address, {}))[0]?.state).toBe("bound");
    await harness.report("h1", "e1", 1, ["released"]);
    await harness.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    for (const address of addresses) expect((await explainer.explain(address, {}))[0]?.state).toBe("cooling");
    expect((await harness.store.list("addresses/")).entries).toEqual([]);
  });
});

describe("an address of a range", () => {
  test("is the first that is free there, of its family only", async () => {
    await using harness = await startEngine();
    await harness.network("web", DUAL);
    const wish = { range: range("10.20.0.100", "10.20.0.102") };
    expect((await harness.claim("web", "a", wish)).addresses).toEqual(["10.20.0.100"]);
    expect((await harness.claim("web", "b", { ...wish, count: 2 })).addresses).toEqual(["10.20.0.101", "10.20.0.102"]);
    const refused = await refusal(harness.claim("web", "c", wish));
    expect(refused.message).toContain("no v4 address from 10.20.0.100 to 10.20.0.102 is free");
    expect((await harness.claim("web", "d")).addresses).toEqual(["10.20.0.2", "fd00:20::2"]);
  });

  test("is the one that the identity had, when it lies there", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.claim("web", "a", { addresses: ["10.20.0.101"] });
    await harness.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    const other = { range: range("10.20.0.110", "10.20.0.112") };
    expect((await harness.claim("web", "a", other)).addresses).toEqual(["10.20.0.110"]);
    await harness.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    const wish = { range: range("10.20.0.100", "10.20.0.102") };
    expect((await harness.claim("web", "a", wish)).addresses).toEqual(["10.20.0.101"]);
  });
});
