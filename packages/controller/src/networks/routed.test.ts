import { Cidr, Name } from "@holdfast/core";
import { networkPatchSchema, newNetworkSchema, newSubnetSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { dump, type EngineHarness, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";

const WEB = Name.parse("web");
const RED = Name.parse("red");

function routed(harness: EngineHarness, name: string, prefixes: readonly string[], more: object = {}) {
  return harness.network(name, { kind: "routed", subnets: prefixes.map((prefix) => ({ prefix })), ...more });
}

async function withRed(): Promise<EngineHarness> {
  const harness = await startEngine();
  await harness.engine.nouns.tenants.create({ name: RED, labels: {} }, OPERATOR);
  return harness;
}

function ofRed(harness: EngineHarness, prefix: string) {
  const body = newNetworkSchema.parse({ name: "web", kind: "routed", subnets: [{ prefix }] });
  return harness.engine.nouns.networks.create(RED, body, OPERATOR);
}

describe("a routed network", () => {
  test("has neither a segment nor a gateway, and every address that a machine can have", async () => {
    await using harness = await startEngine();
    const made = await routed(harness, "web", ["10.20.0.0/24", "fd00:20::/64"]);
    expect(made).toMatchObject({ id: "n1", kind: "routed", mtu: 1500, subnets: [{ prefix: "10.20.0.0/24" }, {}] });
    for (const field of ["segment", "masquerade"]) expect(made).not.toHaveProperty(field);
    for (const subnet of made.subnets) expect(subnet).not.toHaveProperty("gateway");
    expect(await harness.claim("web", "a")).toMatchObject({
      addresses: ["10.20.0.1", "fd00:20::1"],
      mac: "02:00:0a:14:00:01",
    });
    expect(await routed(harness, "next", [])).toMatchObject({ id: "n2" });
    expect((await harness.store.list("segments/")).entries).toEqual([]);
  });

  test("takes a released segment from nobody: networks of other kinds go on with theirs", async () => {
    await using harness = await startEngine();
    await harness.network("a", { subnets: [] });
    await routed(harness, "b", []);
    expect(await harness.network("c", { subnets: [] })).toMatchObject({ id: "n3", segment: 101 });
  });

  test.each([
    ["segment", { segment: 100 }],
    ["conflictProbe", { conflictProbe: {} }],
    ["subnets.0.gateway", { subnets: [{ prefix: "10.20.0.0/24", gateway: "10.20.0.1" }] }],
  ])("is refused with %s, which does not apply, and changes nothing", async (field, body) => {
    await using harness = await startEngine();
    const before = await dump(harness.store);
    await expect(routed(harness, "web", [], body)).rejects.toMatchObject({
      code: "invalid_argument",
      details: { field },
    });
    expect(await dump(harness.store)).toBe(before);
  });

  test("masquerades when it is told to, and networks of other kinds never do", async () => {
    await using harness = await startEngine();
    const { networks } = harness.engine.nouns;
    expect(await routed(harness, "web", ["10.20.0.0/24"], { masquerade: true })).toMatchObject({ masquerade: true });
    const change = (masquerade: boolean, name = WEB) =>
      networks.update(TENANT, name, networkPatchSchema.parse({ masquerade }), OPERATOR);
    expect(await change(false)).toMatchObject({ masquerade: false });
    expect(await change(true)).toMatchObject({ masquerade: true });
    const refused = { code: "invalid_argument", details: { field: "masquerade" } };
    await expect(harness.network("old", { subnets: [], masquerade: true })).rejects.toMatchObject(refused);
    await harness.network("old", { subnets: [] });
    await expect(change(true, Name.parse("old"))).rejects.toMatchObject(refused);
  });

  test.each([
    ["10.20.0.0/24", "10.0.0.0/8"],
    ["10.0.0.0/8", "10.20.0.0/24"],
    ["fd00:20::/64", "fd00:20::/64"],
  ])("that has %s leaves no other tenant %s, and the refusal names both", async (mine, theirs) => {
    await using harness = await withRed();
    await routed(harness, "web", ["172.16.0.0/16", mine, "192.0.2.0/24"]);
    await expect(ofRed(harness, theirs)).rejects.toMatchObject({
      code: "conflict",
      message: `subnets.0.prefix: ${theirs} overlaps ${mine} of routed network default/web, and machines have one routing table for all tenants; choose another prefix`,
      details: { field: "subnets.0.prefix", tenant: "default", network: "web", prefix: mine },
    });
    expect(await ofRed(harness, "172.17.0.0/16")).toMatchObject({ tenant: "red" });
  });

  test("refuses a subnet that another tenant's has; one of another kind may have it", async () => {
    await using harness = await withRed();
    await routed(harness, "web", ["10.20.0.0/24"]);
    await ofRed(harness, "10.30.0.0/24");
    const { subnets, networks } = harness.engine.nouns;
    const add = subnets.add(RED, WEB, newSubnetSchema.parse({ prefix: "10.20.0.128/25" }), OPERATOR);
    await expect(add).rejects.toMatchObject({ code: "conflict", details: { field: "prefix", tenant: "default" } });
    const gateway = { prefix: "10.40.0.0/24", gateway: "10.40.0.1" };
    const withGateway = subnets.add(RED, WEB, newSubnetSchema.parse(gateway), OPERATOR);
    await expect(withGateway).rejects.toMatchObject({ code: "invalid_argument", details: { field: "gateway" } });
    const body = newNetworkSchema.parse({ name: "vlan", kind: "vlan", subnets: [{ prefix: "10.20.0.0/24" }] });
    expect(await networks.create(RED, body, OPERATOR)).toMatchObject({ kind: "vlan" });
  });

  test("has no prefix with a node's address in it, which a container could take", async () => {
    await using harness = await startEngine();
    await harness.node("h1", "192.0.2.1");
    const refused = { code: "conflict", details: { field: "subnets.0.prefix", node: "h1", address: "192.0.2.1" } };
    await expect(routed(harness, "web", ["192.0.2.0/24"])).rejects.toMatchObject(refused);
    expect(await routed(harness, "web", ["192.0.2.128/25"])).toMatchObject({ name: "web" });
  });

  test("gives its prefixes free when they are removed, and keeps them over a restart", async () => {
    await using first = await withRed();
    await routed(first, "web", ["10.20.0.0/24", "10.21.0.0/24"]);
    await routed(first, "other", ["10.22.0.0/24"]);
    await first.engine.nouns.subnets.remove(TENANT, WEB, Cidr.parse("10.21.0.0/24"), OPERATOR);
    await first.engine.stop();
    await using harness = await startEngine({ store: first.store, clock: first.clock });
    await expect(ofRed(harness, "10.20.0.0/16")).rejects.toMatchObject({ details: { prefix: "10.20.0.0/24" } });
    await expect(ofRed(harness, "10.22.0.0/16")).rejects.toMatchObject({ details: { network: "other" } });
    expect(await ofRed(harness, "10.21.0.0/24")).toMatchObject({ tenant: "red" });
    await harness.engine.nouns.networks.delete(TENANT, WEB, OPERATOR);
    expect(await routed(harness, "again", ["10.20.0.0/24"])).toMatchObject({ name: "again" });
  });
});
