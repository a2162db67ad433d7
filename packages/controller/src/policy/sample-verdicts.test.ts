import { Name } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import {
  type FlowDrops,
  type FlowSample,
  flowDropsSchema,
  flowSampleSchema,
  newClaimSchema,
  newGroupSchema,
  newNetworkSchema,
  newPolicySchema,
} from "@holdfast/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type EngineHarness, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";
import { createDropTimes } from "./drop-times.ts";

const AT = Date.parse("2026-11-20T10:00:00.000Z");
const STEP = 10;
const time = (seconds: number): string => new Date(AT + seconds * 1000).toISOString();
const BLUE = Name.parse("blue");

/** What a rule dropped on a node, in steps of ten seconds from twenty before the packet on. */
function drops(rule: string | null, node: string, ...rates: readonly number[]): FlowDrops {
  const key = { tenant: "default", policy: "db", direction: "ingress", rule, node };
  const sum = { packets: 1, bytes: 60 };
  const times = rates.map((_, index) => time(-20 + index * STEP));
  const about = { from: time(-20), to: time(40), seconds: 60, by: Object.keys(key), step: STEP, times };
  return flowDropsSchema.parse({
    ...about,
    groups: [{ key, ...sum, rates }],
    other: { groups: 0, ...sum },
    total: sum,
  });
}

describe("what policies have made of a sampled packet", () => {
  let engine: EngineHarness;

  beforeEach(async () => {
    engine = await startEngine({ clock: new ManualClock(new Date(AT)), options: { enforcePolicies: true } });
    await engine.network("net");
    await engine.node("h2");
    for (const [identity, address] of [
      ["web-0", "10.20.0.10"],
      ["db-0", "10.20.0.20"],
      ["spy-0", "10.20.0.66"],
    ] as const)
      await engine.claim("net", identity, { addresses: [address], labels: { app: identity.slice(0, -2) } });
    for (const app of ["web", "db", "spy"]) await createGroup(app);
    await createPolicy({
      name: "db",
      subject: { groups: ["db"] },
      isolates: ["ingress"],
      ingress: [
        { id: "spies", action: "deny", peers: [{ kind: "group", group: "spy" }] },
        {
          id: "app",
          action: "allow",
          peers: [{ kind: "group", group: "web" }],
          services: [{ protocol: "tcp", ports: [5432] }],
        },
      ],
    });
  });
  afterEach(() => engine[Symbol.asyncDispose]());

  const createGroup = (app: string) =>
    engine.engine.nouns.groups.create(
      TENANT,
      newGroupSchema.parse({ name: app, selector: { matchLabels: { app } } }),
      OPERATOR,
    );
  const createPolicy = (body: object) =>
    engine.engine.nouns.policies.create(TENANT, newPolicySchema.parse(body), OPERATOR);

  const web = { tenant: "default", network: "net", identity: "web-0", node: "h1", address: "10.20.0.10", port: 40_000 };
  const spy = { ...web, identity: "spy-0", address: "10.20.0.66" };
  const db = { ...web, identity: "db-0", node: "h2", address: "10.20.0.20", port: 5432 };
  const outside = { address: "192.0.2.9", port: 40_000 };

  /** As text, e.g. `"denied by default/db/ingress/spies"`. */
  function told(
    source: FlowSample["source"],
    destination: FlowSample["source"],
    dropped: FlowDrops,
    second = 0,
  ): string | undefined {
    const about = { at: time(second), attributed: true, bytes: 60, rate: 1, protocol: 6 };
    const sample = flowSampleSchema.parse({ ...about, source, destination });
    const decision = engine.engine.nouns.sampleVerdict(sample, createDropTimes(dropped));
    const by = decision?.by.map(
      ({ tenant, policy, direction, rule = "-" }) => `${tenant}/${policy}/${direction}/${rule}`,
    );
    return decision && `${decision.verdict} by ${by?.join(" ")}`;
  }

  function count(rule: string, sequence = 1): void {
    const counts = {
      run: "a",
      sequence,
      since: time(-60),
      rules: [{ rule, mode: "enforced" as const, packets: 1, bytes: 60 }],
    };
    engine.engine.nouns.policyCounts.take(Name.parse("h2"), { ...counts, guards: [] });
  }

  const NONE = drops("spies", "h2");

  test("denied: by a rule that dropped something at its node when the packet came", () => {
    expect(told(spy, db, drops("spies", "h2", 0, 0, 1))).toBe("denied by default/db/ingress/spies");
    expect(told(spy, db, drops("spies", "h2", 0, 0, 0, 0.1))).toBe("denied by default/db/ingress/spies");
  });

  test("denied: by what no rule has allowed, of whoever it comes", () => {
    const isolated = drops(null, "h2", 0, 0, 1);
    expect(told(web, { ...db, port: 22 }, isolated)).toBe("denied by default/db/ingress/-");
    expect(told(outside, db, isolated)).toBe("denied by default/db/ingress/-");
  });

  test.each([
    ["the rule dropped nothing", NONE],
    ["it dropped something before", drops("spies", "h2", 1, 1, 0)],
    ["it dropped something later", drops("spies", "h2", 0, 0, 0, 0, 1)],
    ["it dropped something on another node", drops("spies", "h1", 0, 0, 1)],
    ["another rule dropped something", drops("other", "h2", 0, 0, 1)],
  ])("nothing is told of a packet that would be denied where %s", (_, dropped) => {
    expect(told(spy, db, dropped)).toBeUndefined();
  });

  test("nothing is told of a reply that a rule would deny: its connection was let through", () => {
    expect(told(db, spy, drops("spies", "h2", 0, 0, 1))).toBeUndefined();
  });

  test("allowed: by a rule that has matched since, in both directions", () => {
    expect(told(web, db, NONE)).toBeUndefined();
    count("rule/default/db/ingress/app");
    expect(told(web, db, NONE)).toBe("allowed by default/db/ingress/app");
    expect(told(db, web, NONE)).toBe("allowed by default/db/ingress/app");
  });

  test("allowed: not by a rule that matched before the packet came only, nor by the rest of what a node had told before", async () => {
    count("rule/default/db/ingress/app");
    expect(told(web, db, NONE, 1)).toBeUndefined();
    engine.clock.advance(2000);
    const rules = [{ rule: "rule/default/db/ingress/app", mode: "enforced" as const, packets: 9, bytes: 540 }];
    engine.engine.nouns.policyCounts.take(Name.parse("h2"), {
      run: "b",
      sequence: 4,
      since: time(-60),
      rest: true,
      rules,
      guards: [],
    });
    expect(told(web, db, NONE, 1)).toBeUndefined();
  });

  test("allowed: by the rules of both ends, where both have one that has matched", async () => {
    await createPolicy({ name: "web", subject: { groups: ["web"] }, egress: [{ id: "out", action: "allow" }] });
    count("rule/default/db/ingress/app");
    expect(told(web, db, NONE)).toBeUndefined();
    count("rule/default/web/egress/out", 2);
    expect(told(web, db, NONE)).toBe("allowed by default/web/egress/out default/db/ingress/app");
  });

  test("nothing is told where no policy decides, or who is at an end is not known", () => {
    count("rule/default/db/ingress/app");
    expect(told(web, spy, NONE)).toBeUndefined();
    expect(told({ address: web.address, port: 40_000 }, db, NONE)).toBeUndefined();
    expect(told(web, { ...db, address: "10.20.0.99" }, NONE)).toBeUndefined();
    expect(told({ ...web, identity: "gone-0" }, db, NONE)).toBeUndefined();
  });

  test("nothing is told to a tenant of what another one's policies allow", async () => {
    const { nouns } = engine.engine;
    await nouns.tenants.create({ name: BLUE, labels: {} }, OPERATOR);
    const routed = { kind: "routed", subnets: [{ prefix: "10.77.0.0/24" }] };
    await nouns.networks.create(BLUE, newNetworkSchema.parse({ name: "net", ...routed }), OPERATOR);
    await nouns.claims.create(
      BLUE,
      Name.parse("net"),
      newClaimSchema.parse({ identity: "api", addresses: ["10.77.0.7"] }),
      OPERATOR,
    );
    const blue = newPolicySchema.parse({
      name: "p",
      ingress: [{ id: "them", action: "allow", peers: [{ kind: "tenant", tenant: "default" }] }],
    });
    await nouns.policies.create(BLUE, blue, OPERATOR);
    await nouns.tenants.update(TENANT, { sharedWith: [BLUE] }, OPERATOR);
    await nouns.tenants.update(BLUE, { sharedWith: [TENANT] }, OPERATOR);
    await createPolicy({
      name: "web",
      subject: { groups: ["web"] },
      egress: [{ id: "out", action: "allow", peers: [{ kind: "tenant", tenant: "blue" }] }],
    });
    count("rule/default/web/egress/out");
    count("rule/blue/p/ingress/them", 2);
    const api = { tenant: "blue", network: "net", identity: "api", node: "h2", address: "10.77.0.7", port: 443 };
    expect(told(web, api, NONE)).toBe("allowed by default/web/egress/out blue/p/ingress/them");
    // As the tenant sees it.
    expect(told(web, { address: api.address, port: api.port }, NONE)).toBeUndefined();
  });
});
