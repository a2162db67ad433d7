import { Cidr, Name } from "@holdfast/core";
import { newSubnetSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { claimName, dump, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";

const WEB = Name.parse("web");

describe("a network", () => {
  test("gets the next free segment of the range, and an id that was never used", async () => {
    await using harness = await startEngine();
    const subnets: never[] = [];
    expect(await harness.network("a", { subnets })).toMatchObject({ segment: 100, id: "n1", mtu: 1500 });
    expect(await harness.network("b", { subnets })).toMatchObject({ segment: 101, id: "n2" });
    expect(await harness.network("c", { subnets, kind: "vxlan" })).toMatchObject({
      segment: 10_000,
      id: "n3",
      mtu: 1450,
    });
    await harness.engine.nouns.networks.delete(TENANT, Name.parse("b"), OPERATOR);
    expect(await harness.network("d", { subnets })).toMatchObject({ segment: 102, id: "n4" });
  });

  test("takes a released segment again only after the whole range", async () => {
    await using harness = await startEngine({ options: { vlanRange: { first: 10, last: 12 } } });
    const segments: (number | undefined)[] = [];
    for (let round = 0; round < 5; round++) {
      segments.push((await harness.network("a", { subnets: [] })).segment);
      await harness.engine.nouns.networks.delete(TENANT, Name.parse("a"), OPERATOR);
    }
    expect(segments).toEqual([10, 11, 12, 10, 11]);
  });

  test("is refused when the range is used up", async () => {
    await using harness = await startEngine({ options: { vlanRange: { first: 10, last: 10 } } });
    await harness.network("a", { subnets: [] });
    expect((await refusal(harness.network("b", { subnets: [] }))).code).toBe("pool_exhausted");
  });

  test("has its segment alone on the whole platform", async () => {
    await using harness = await startEngine();
    await harness.network("a", { subnets: [], segment: 7 });
    expect(await refusal(harness.network("b", { subnets: [], segment: 7 }))).toMatchObject({
      code: "conflict",
      details: { field: "segment", tenant: "default", network: "a" },
    });
    expect(await harness.network("c", { subnets: [], kind: "vxlan", segment: 7 })).toMatchObject({ segment: 7 });
  });

  test("may have the CIDR of another tenant's network, not of another network of its tenant", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    const red = Name.parse("red");
    await harness.engine.nouns.tenants.create({ name: red, labels: {} }, OPERATOR);
    const body = { ...(await harness.network("other", { subnets: [] })), name: WEB, segment: undefined };
    const subnets = [newSubnetSchema.parse({ prefix: "10.20.0.0/24" })];
    expect(await harness.engine.nouns.networks.create(red, { ...body, subnets }, OPERATOR)).toMatchObject({
      tenant: "red",
    });
    const overlapping = harness.network("third", { subnets: [{ prefix: "10.0.0.0/8" }] });
    expect(await refusal(overlapping)).toMatchObject({
      code: "conflict",
      details: { field: "subnets.0.prefix", network: "web" },
    });
  });

  test("of which two are created at once with overlapping subnets: one exists", async () => {
    await using harness = await startEngine();
    const tries = Array.from({ length: 8 }, (_, index) =>
      harness.network(`w${index}`, { subnets: [{ prefix: "10.0.0.0/8" }] }),
    );
    const results = await Promise.allSettled(tries);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("with claims cannot be deleted, and goes on working", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.claim("web", "a");
    const { networks } = harness.engine.nouns;
    expect((await refusal(networks.delete(TENANT, WEB, OPERATOR))).code).toBe("in_use");
    expect((await harness.claim("web", "b")).addresses).toEqual(["10.20.0.3"]);
    expect(networks.get(TENANT, WEB)).not.toHaveProperty("closing");
  });

  test("that is deleted while claims are being made keeps them or refuses them, never loses them", async () => {
    for (let round = 0; round < 20; round++) {
      await using harness = await startEngine();
      await harness.network("web");
      const { networks } = harness.engine.nouns;
      const first = round % 2 === 0 ? [harness.claim("web", "a")] : [];
      await Promise.allSettled([...first, networks.delete(TENANT, WEB, OPERATOR), harness.claim("web", "b")]);
      const claims = (await harness.store.list("claims/")).entries.length;
      const left = (await harness.store.list("networks/")).entries.length;
      expect(left).toBe(claims > 0 ? 1 : 0);
      expect((await harness.store.list("segments/")).entries).toHaveLength(left);
    }
  });

  test("that a controller was deleting when it died is open again afterwards", async () => {
    await using first = await startEngine();
    await first.network("web");
    await first.engine.stop();
    const entry = await first.store.get("networks/default/web");
    const value = JSON.stringify({ ...JSON.parse(entry?.value ?? ""), closing: ["*"] });
    await first.store.commit({ conditions: [], operations: [{ kind: "put", key: "networks/default/web", value }] });
    await using second = await startEngine({ store: first.store, clock: first.clock });
    expect((await second.claim("web", "a")).addresses).toEqual(["10.20.0.2"]);
  });
});

describe("a subnet", () => {
  const subnet = (prefix: string) => newSubnetSchema.parse({ prefix });

  test("is added to a network in use, and used when the first is full", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/30" }] });
    await harness.claim("web", "a");
    expect((await refusal(harness.claim("web", "b"))).code).toBe("pool_exhausted");
    const { subnets } = harness.engine.nouns;
    const changed = await subnets.add(TENANT, WEB, subnet("10.30.0.0/24"), OPERATOR);
    expect(changed.subnets.map(({ prefix, gateway }) => `${prefix} ${gateway}`)).toEqual([
      "10.20.0.0/30 10.20.0.1",
      "10.30.0.0/24 10.30.0.1",
    ]);
    expect((await harness.claim("web", "b")).addresses).toEqual(["10.30.0.2"]);
    expect((await refusal(subnets.add(TENANT, WEB, subnet("10.30.0.0/24"), OPERATOR))).code).toBe("already_exists");
  });

  test("is removed only when nothing in it is claimed", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24" }, { prefix: "10.30.0.0/24" }] });
    await harness.claim("web", "a", { subnet: "10.30.0.0/24" });
    const { subnets, claims } = harness.engine.nouns;
    const prefix = Cidr.parse("10.30.0.0/24");
    expect(await refusal(subnets.remove(TENANT, WEB, prefix, OPERATOR))).toMatchObject({
      code: "in_use",
      details: { claimed: 1 },
    });
    await claims.release(claimName("web", "a"), OPERATOR);
    const changed = await subnets.remove(TENANT, WEB, prefix, OPERATOR);
    expect(changed.subnets).toHaveLength(1);
    expect(changed).not.toHaveProperty("closing");
    expect((await refusal(harness.claim("web", "a", { addresses: ["10.30.0.9"] }))).code).toBe("address_out_of_range");
  });

  test("that comes back keeps the addresses at rest that were released before it went", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24" }, { prefix: "10.30.0.0/24" }] });
    await harness.claim("web", "a", { addresses: ["10.30.0.2"] });
    const { subnets, claims } = harness.engine.nouns;
    await claims.release(claimName("web", "a"), OPERATOR);
    await subnets.remove(TENANT, WEB, Cidr.parse("10.30.0.0/24"), OPERATOR);
    await subnets.add(TENANT, WEB, subnet("10.30.0.0/24"), OPERATOR);
    expect((await harness.claim("web", "b", { subnet: "10.30.0.0/24" })).addresses).toEqual(["10.30.0.3"]);
  });

  test("that is removed while addresses of it are being claimed keeps them or refuses them", async () => {
    for (let round = 0; round < 20; round++) {
      await using harness = await startEngine();
      await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24" }, { prefix: "10.30.0.0/24" }] });
      const { subnets } = harness.engine.nouns;
      const first = round % 2 === 0 ? [harness.claim("web", "a", { addresses: ["10.30.0.9"] })] : [];
      await Promise.allSettled([
        ...first,
        subnets.remove(TENANT, WEB, Cidr.parse("10.30.0.0/24"), OPERATOR),
        harness.claim("web", "b", { addresses: ["10.30.0.10"] }),
      ]);
      const claims = (await harness.store.list("addresses/")).entries.length;
      const present = harness.engine.nouns.networks.get(TENANT, WEB).subnets.length;
      expect(present).toBe(claims > 0 ? 2 : 1);
    }
  });

  test("shows its use", async () => {
    await using harness = await startEngine();
    const exclusions = [{ first: "10.20.0.100", last: "10.20.0.109" }];
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24", exclusions }] });
    await harness.claim("web", "a");
    await harness.claim("web", "b");
    await harness.engine.nouns.claims.release(claimName("web", "b"), OPERATOR);
    const [item] = harness.engine.nouns.subnets.list(TENANT, WEB).items;
    const use = { capacity: "243", used: "1", held: "1", cooling: "1", quarantined: "0", setAside: "0", free: "241" };
    expect(item?.usage).toEqual({ prefix: "10.20.0.0/24", ...use });
  });
});

describe("a tenant", () => {
  test("default is there from the start and stays", async () => {
    await using harness = await startEngine();
    expect(harness.engine.nouns.tenants.get(TENANT).name).toBe("default");
    expect((await refusal(harness.engine.nouns.tenants.delete(TENANT, OPERATOR))).code).toBe("in_use");
  });

  test("with networks cannot be deleted", async () => {
    await using harness = await startEngine();
    const red = Name.parse("red");
    const { tenants, networks } = harness.engine.nouns;
    await tenants.create({ name: red, labels: {} }, OPERATOR);
    const body = { ...(await harness.network("web", { subnets: [] })), segment: undefined, subnets: [] };
    await networks.create(red, body, OPERATOR);
    expect((await refusal(tenants.delete(red, OPERATOR))).code).toBe("in_use");
    await networks.delete(red, WEB, OPERATOR);
    await tenants.delete(red, OPERATOR);
    expect((await refusal(networks.create(red, body, OPERATOR))).code).toBe("not_found");
  });
});

describe("bad input is refused, names the field, and changes nothing", () => {
  const prefix = "10.30.0.0/24";
  const cases: readonly [string, Record<string, unknown>, string][] = [
    ["VLAN 4095", { segment: 4095 }, "segment"],
    ["VLAN above 4095", { segment: 5000 }, "segment"],
    ["overlap with another network", { subnets: [{ prefix: "10.20.0.128/25" }] }, "subnets.0.prefix"],
    ["overlap in itself", { subnets: [{ prefix }, { prefix: "10.30.0.0/25" }] }, "subnets.1.prefix"],
    ["a gateway outside", { subnets: [{ prefix, gateway: "10.31.0.1" }] }, "subnets.0.gateway"],
    ["a gateway that is the network", { subnets: [{ prefix, gateway: "10.30.0.0" }] }, "subnets.0.gateway"],
    ["a gateway that is the broadcast", { subnets: [{ prefix, gateway: "10.30.0.255" }] }, "subnets.0.gateway"],
    ["a gateway of the other family", { subnets: [{ prefix, gateway: "fd00::1" }] }, "subnets.0.gateway"],
    [
      "a range outside",
      { subnets: [{ prefix, ranges: [{ first: "10.30.0.5", last: "10.30.1.5" }] }] },
      "subnets.0.ranges.0.last",
    ],
    [
      "a range upside down",
      { subnets: [{ prefix, ranges: [{ first: "10.30.0.9", last: "10.30.0.5" }] }] },
      "subnets.0.ranges.0",
    ],
    [
      "a range with the broadcast address",
      { subnets: [{ prefix, ranges: [{ first: "10.30.0.9", last: "10.30.0.255" }] }] },
      "subnets.0.ranges.0.last",
    ],
    [
      "an exclusion outside",
      { subnets: [{ prefix, exclusions: [{ first: "10.29.0.5", last: "10.30.0.5" }] }] },
      "subnets.0.exclusions.0.first",
    ],
    [
      "ranges that overlap",
      {
        subnets: [
          {
            prefix,
            ranges: [
              { first: "10.30.0.5", last: "10.30.0.9" },
              { first: "10.30.0.9", last: "10.30.0.10" },
            ],
          },
        ],
      },
      "subnets.0.ranges.1",
    ],
    ["a multicast prefix", { subnets: [{ prefix: "224.0.0.0/24" }] }, "subnets.0.prefix"],
    ["everything", { subnets: [{ prefix: "0.0.0.0/0" }] }, "subnets.0.prefix"],
  ];

  test.each(cases)("%s", async (_, body, field) => {
    await using harness = await startEngine();
    await harness.network("web");
    const before = await dump(harness.store);
    expect((await refusal(harness.network("bad", { subnets: [], ...body }))).details.field).toBe(field);
    expect(await dump(harness.store)).toBe(before);
  });
});
