import { Cidr, IpAddress, Name } from "@holdfast/core";
import { networkSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { claimName, type EngineHarness, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";

const ofGroup = (group: string, prefix = "10.20.0.0/24") => ({
  tenant: TENANT,
  network: Name.parse("web"),
  prefix: Cidr.parse(prefix),
  group: Name.parse(group),
});
const range = (first: string, last: string) => ({ first: IpAddress.parse(first), last: IpAddress.parse(last) });

function set(harness: EngineHarness, group: string, first: string, last: string) {
  return harness.engine.nouns.groupRanges.set(ofGroup(group), [range(first, last)], OPERATOR);
}

async function addresses(harness: EngineHarness, identity: string, body: object = {}): Promise<string> {
  return (await harness.claim("web", identity, body)).addresses.join(" ");
}

describe("ranges that belong to a group", () => {
  test("are given to claims of the group, and to nobody else", async () => {
    await using harness = await startEngine();
    const groupRanges = [{ group: "db", first: "10.20.0.2", last: "10.20.0.3" }];
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24", groupRanges }, { prefix: "fd00:20::/64" }] });
    expect(await addresses(harness, "a")).toBe("10.20.0.4 fd00:20::2");
    expect(await addresses(harness, "b", { group: "db" })).toBe("10.20.0.2 fd00:20::3");
    expect(harness.getClaim("web", "b").group).toBe("db");
    const foreign = await refusal(harness.claim("web", "c", { addresses: ["10.20.0.3"] }));
    expect(foreign).toMatchObject({ code: "address_in_use", message: "10.20.0.3 is set aside for group db" });
    expect(await addresses(harness, "c", { group: "db", addresses: ["10.20.0.3"] })).toBe("10.20.0.3");
    const full = await refusal(harness.claim("web", "d", { group: "db" }));
    expect(full).toMatchObject({ code: "pool_exhausted", message: expect.stringContaining("of group db is free") });
    expect((await refusal(harness.claim("web", "d", { group: "web" }))).message).toContain("with ranges: db;");
  });

  test("are not bound by address from a node that knows no group", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.node("h1");
    await set(harness, "db", "10.20.0.8", "10.20.0.9");
    const request = { endpoint: "e1", network: "web", address: "10.20.0.9" };
    expect((await refusal(harness.reserve("h1", request))).message).toContain("set aside for group db");
    await harness.claim("web", "a", { group: "db", addresses: ["10.20.0.9"] });
    expect((await harness.reserve("h1", request)).claim.identity).toBe("a");
  });

  test("are set and taken away while addresses are in use: those stay, and are counted", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    expect(await addresses(harness, "a")).toBe("10.20.0.2");
    const network = await set(harness, "db", "10.20.0.2", "10.20.0.4");
    expect(networkSchema.parse(network).subnets[0]?.groupRanges).toEqual([
      { group: "db", first: "10.20.0.2", last: "10.20.0.4" },
    ]);
    expect(harness.getClaim("web", "a").addresses).toEqual(["10.20.0.2"]);
    expect(await addresses(harness, "b")).toBe("10.20.0.5");
    expect(await addresses(harness, "c", { group: "db" })).toBe("10.20.0.3");
    const [usage] = harness.engine.nouns.subnets.list(TENANT, Name.parse("web")).items;
    expect(usage?.usage).toMatchObject({ capacity: "253", used: "3", free: "250" });
    await set(harness, "db", "10.20.0.3", "10.20.0.3");
    expect(await addresses(harness, "d", { range: range("10.20.0.2", "10.20.0.4") })).toBe("10.20.0.4");
    await harness.engine.nouns.groupRanges.remove(ofGroup("db"), OPERATOR);
    expect(harness.getClaim("web", "c")).toMatchObject({ group: "db", addresses: ["10.20.0.3"] });
    await harness.engine.nouns.claims.release(claimName("web", "c"), OPERATOR);
    await harness.advance(60_000);
    expect(await addresses(harness, "e", { addresses: ["10.20.0.3"] })).toBe("10.20.0.3");
  });

  test("of a subnet that is drained are not given, others of the group are", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24" }, { prefix: "10.30.0.0/24" }] });
    await set(harness, "db", "10.20.0.2", "10.20.0.4");
    await harness.engine.nouns.draining.drain(ofGroup("db"), { removeWhenEmpty: false }, OPERATOR);
    const full = await refusal(harness.claim("web", "a", { group: "db" }));
    expect(full).toMatchObject({ code: "pool_exhausted", details: { reason: "draining" } });
    const second = ofGroup("db", "10.30.0.0/24");
    await harness.engine.nouns.groupRanges.set(second, [range("10.30.0.7", "10.30.0.7")], OPERATOR);
    expect(await addresses(harness, "a", { group: "db" })).toBe("10.30.0.7");
  });

  test("are still the group's after a restart", async () => {
    await using first = await startEngine();
    await first.network("web");
    await set(first, "db", "10.20.0.2", "10.20.0.4");
    await first.engine.stop();
    await using second = await startEngine({ store: first.store, clock: first.clock });
    expect(await addresses(second, "a")).toBe("10.20.0.5");
    expect(await addresses(second, "b", { group: "db" })).toBe("10.20.0.2");
  });

  test("a former address is not taken back out of what has become another's", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    expect(await addresses(harness, "a")).toBe("10.20.0.2");
    await harness.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    await set(harness, "db", "10.20.0.2", "10.20.0.4");
    expect(await addresses(harness, "a")).toBe("10.20.0.5");
  });

  test.each([
    ["outside the subnet", ["10.21.0.2", "10.21.0.3"], "ranges.0.first", "is not in 10.20.0.0/24"],
    ["with the broadcast address", ["10.20.0.250", "10.20.0.255"], "ranges.0.last", "broadcast"],
    ["upside down", ["10.20.0.5", "10.20.0.4"], "ranges.0", "comes after"],
    ["of another group", ["10.20.0.200", "10.20.0.210"], "ranges.0", "overlaps 10.20.0.210-10.20.0.220 of group web"],
  ])("%s: refused, naming the field", async (_, [first = "", last = ""], field, message) => {
    await using harness = await startEngine();
    await harness.network("web");
    await set(harness, "web", "10.20.0.210", "10.20.0.220");
    const refused = await refusal(set(harness, "db", first, last));
    expect(refused).toMatchObject({ code: "invalid_argument", details: { field } });
    expect(refused.message).toContain(message);
  });

  test("lie in what the subnet hands out, and in a subnet that there is", async () => {
    await using harness = await startEngine();
    const ranges = [{ first: "10.20.0.10", last: "10.20.0.19" }];
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24", ranges }] });
    expect((await refusal(set(harness, "db", "10.20.0.15", "10.20.0.25"))).message).toContain("hands out");
    const { groupRanges } = harness.engine.nouns;
    const nowhere = groupRanges.set(ofGroup("db", "10.99.0.0/24"), [range("10.99.0.2", "10.99.0.3")], OPERATOR);
    expect((await refusal(nowhere)).code).toBe("not_found");
    expect((await refusal(groupRanges.remove(ofGroup("db"), OPERATOR))).code).toBe("not_found");
    const stale = groupRanges.set(ofGroup("db"), [range("10.20.0.15", "10.20.0.16")], { ...OPERATOR, ifMatch: 1 });
    expect((await refusal(stale)).code).toBe("precondition_failed");
  });
});
