import { IpAddress, Name } from "@holdfast/core";
import { addressStorySchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { claimName, type EngineHarness, OPERATOR, startEngine } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";

async function summary(harness: EngineHarness, address: string): Promise<string> {
  const [story] = await harness.engine.nouns.explainer.explain(IpAddress.parse(address), {});
  return `${story?.state}: ${addressStorySchema.parse(story).summary}`;
}

describe("explaining an address", () => {
  test("says in one sentence how it stands, through its whole life", async () => {
    await using harness = await startEngine();
    const exclusions = [{ first: "10.20.0.200", last: "10.20.0.201" }];
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24", exclusions }] });
    await harness.node("h1");
    expect(await summary(harness, "10.20.0.1")).toBe("outside: 10.20.0.1 is the gateway of 10.20.0.0/24.");
    expect(await summary(harness, "10.20.0.200")).toBe(
      "outside: 10.20.0.200 is not among the addresses that are handed out of 10.20.0.0/24.",
    );
    expect(await summary(harness, "10.20.0.9")).toBe("free: 10.20.0.9 is free; nobody is known to have had it.");
    await harness.claim("web", "db", { addresses: ["10.20.0.9"] });
    expect(await summary(harness, "10.20.0.9")).toBe(
      "claimed: 10.20.0.9 is kept for db (reserved), which no endpoint has at the moment.",
    );
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "db" });
    expect(await summary(harness, "10.20.0.9")).toBe(
      "bound: 10.20.0.9 is used by db on node h1 (endpoint e1) since 2026-01-01T00:00:00.000Z.",
    );
    await harness.report("h1", "e1", 1, ["released"]);
    await harness.engine.nouns.claims.release(claimName("web", "db"), OPERATOR);
    expect(await summary(harness, "10.20.0.9")).toBe(
      "cooling: 10.20.0.9 was released by db and rests until 2026-01-01T00:01:00.000Z.",
    );
    await harness.advance(60_000);
    expect(await summary(harness, "10.20.0.9")).toBe(
      "free: 10.20.0.9 is free; db had it until 2026-01-01T00:00:00.000Z.",
    );
  });

  test("tells one story for every network that covers the address, or only for the one that is asked for", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    const red = Name.parse("red");
    await harness.engine.nouns.tenants.create({ name: red, labels: {} }, OPERATOR);
    const body = {
      ...harness.engine.nouns.networks.get(claimName("web", "x").tenant, Name.parse("web")),
      segment: undefined,
    };
    await harness.engine.nouns.networks.create(red, body, OPERATOR);
    const address = IpAddress.parse("10.20.0.9");
    const { explainer } = harness.engine.nouns;
    expect((await explainer.explain(address, {})).map(({ tenant }) => tenant)).toEqual(["default", "red"]);
    expect((await explainer.explain(address, { tenant: red })).map(({ tenant }) => tenant)).toEqual(["red"]);
    expect((await refusal(explainer.explain(IpAddress.parse("192.0.2.1"), {}))).code).toBe("not_found");
  });
});
