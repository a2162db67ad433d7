import { Name } from "@holdfast/core";
import { MOST_COUNTED_RULES, newPolicySchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";

const [NODE, P] = [Name.parse("h1"), Name.parse("p")];
const RULE = "rule/default/p/ingress/web";
const SINCE = "1970-01-01T00:00:00.000Z";

async function start() {
  const harness = await startEngine({ options: { enforcePolicies: true } });
  await harness.node("h1");
  const { nouns } = harness.engine;
  /** `life`: a letter, the report's number, and `+` when it has the rest. */
  const counts = (life: string, mode: "enforced" | "staged", packets: number, rule = RULE) =>
    nouns.policyCounts.take(NODE, {
      run: life.slice(0, 1),
      sequence: Number.parseInt(life.slice(1), 10),
      since: SINCE,
      ...(life.endsWith("+") ? { rest: true } : {}),
      rules: [{ rule, mode, packets, bytes: packets * 60 }],
      guards: [{ guard: "mac", packets, bytes: 0 }],
    });
  const create = (body: object) =>
    nouns.policies.create(TENANT, newPolicySchema.parse({ name: "p", ...body }), OPERATOR);
  const packets = () => nouns.policyCounts.of(TENANT, P).rules.map((row) => row.packets);
  return { ...harness, nouns, counts, create, packets };
}

const WEB = {
  isolates: ["ingress"],
  ingress: [
    { id: "web", action: "allow" },
    { id: "rest", action: "deny" },
  ],
};

describe("counters of a policy", () => {
  test("are what nodes report of its rules and of what it isolates, added up", async () => {
    await using engine = await start();
    await engine.create(WEB);
    expect(engine.packets()).toEqual([0, 0, 0]);
    engine.counts("a1", "enforced", 3);
    engine.counts("a2", "enforced", 4);
    engine.counts("a3", "enforced", 7, "isolates/default/p/ingress");
    expect(engine.nouns.policyCounts.of(TENANT, P)).toMatchObject({
      mode: "enforced",
      rules: [
        { direction: "ingress", rule: "web", action: "allow", packets: 7, bytes: 420 },
        { rule: "rest", packets: 0 },
        { direction: "ingress", action: "deny", packets: 7 },
      ],
    });
  });

  test("that take several reports to be told again are no drops of today", async () => {
    await using engine = await start();
    await engine.create(WEB);
    const heard: number[] = [];
    using _ = engine.nouns.policyCounts.drops.follow(({ packets }) => heard.push(packets));
    const deny = "rule/default/p/ingress/rest";
    const others = Array.from({ length: MOST_COUNTED_RULES }, (_, index) => ({
      rule: `rule/default/other/ingress/r${index}`,
      mode: "enforced" as const,
      packets: 1,
      bytes: 60,
    }));
    const first = { run: "a", sequence: 8, since: SINCE, rest: true as const, rules: others, guards: [] };
    engine.nouns.policyCounts.take(NODE, first);
    engine.counts("a9", "enforced", 1_000_000, deny);
    expect(heard).toEqual([]);
    engine.counts("a10", "enforced", 2, deny);
    expect(heard).toEqual([2, 2]);
  });

  test("do not grow by a report that comes again, and go on with another life of the agent", async () => {
    await using engine = await start();
    await engine.create(WEB);
    engine.counts("a1", "enforced", 3);
    engine.counts("a1", "enforced", 3);
    expect(engine.packets()[0]).toBe(3);
    engine.counts("b1", "enforced", 2);
    expect(engine.packets()[0]).toBe(5);
    expect(engine.nouns.policyCounts.guards().guards).toEqual([{ node: "h1", guard: "mac", packets: 5, bytes: 0 }]);
  });

  test("of a staged policy are what it would be, and begin anew when it is enforced, or when another takes its name", async () => {
    await using engine = await start();
    await engine.create({ ...WEB, mode: "staged" });
    engine.counts("a1", "enforced", 9);
    engine.counts("a2", "staged", 4);
    expect(engine.packets()[0]).toBe(4);
    await engine.nouns.policies.enforce(TENANT, P, OPERATOR);
    expect(engine.packets()[0]).toBe(0);
    engine.counts("a3", "enforced", 1);
    await engine.nouns.policies.delete(TENANT, P, OPERATOR);
    expect(() => engine.packets()).toThrow("policy p");
    engine.counts("a4", "enforced", 1);
    await engine.advance(1000);
    await engine.create(WEB);
    expect(engine.packets()[0]).toBe(0);
  });

  test("are whole when their node's life was heard from its first report on, or has told the rest", async () => {
    await using engine = await start();
    await engine.create(WEB);
    const began = engine.nouns.policyCounts.guards().since;
    expect(engine.counts("a5", "enforced", 3)).toEqual({ whole: false });
    // Nobody has heard the answer.
    expect(engine.counts("a5", "enforced", 3)).toEqual({ whole: false });
    expect(engine.counts("a6+", "enforced", 40)).toEqual({ whole: true });
    expect(engine.counts("a6+", "enforced", 40)).toEqual({ whole: true });
    expect(engine.counts("a7", "enforced", 1)).toEqual({ whole: true });
    expect(engine.packets()[0]).toBe(44);
    expect(began).not.toBe(SINCE);
    expect(engine.nouns.policyCounts.guards().since).toBe(SINCE);
    expect(engine.counts("b1", "enforced", 1)).toEqual({ whole: true });
    expect(engine.counts("c2", "enforced", 1)).toEqual({ whole: false });
  });

  test("are drops where rules deny, of what is enforced, node by node, and of guards; the rest that a node tells is none", async () => {
    await using engine = await start();
    await engine.create(WEB);
    const { drops } = engine.nouns.policyCounts;
    const heard: number[] = [];
    using following = drops.follow(({ packets }) => heard.push(packets));
    engine.counts("a1", "enforced", 3);
    engine.counts("a2", "enforced", 4, "rule/default/p/ingress/rest");
    engine.counts("a3", "staged", 4, "rule/default/p/ingress/rest");
    engine.counts("a4", "enforced", 5, "rule/default/p/ingress/rest");
    engine.counts("a5", "enforced", 6, "isolates/default/p/ingress");
    engine.counts("a6+", "enforced", 100, "isolates/default/p/ingress");
    expect([...drops.all]).toEqual([
      { node: "h1", guard: "mac", packets: 22, bytes: 0 },
      { node: "h1", tenant: "default", policy: "p", direction: "ingress", rule: "rest", packets: 9, bytes: 540 },
      { node: "h1", tenant: "default", policy: "p", direction: "ingress", packets: 6, bytes: 360 },
    ]);
    following[Symbol.dispose]();
    expect(heard).toEqual([3, 4, 7, 11, 9, 16, 6, 22]);
    await engine.nouns.policies.delete(TENANT, P, OPERATOR);
    expect([...engine.nouns.policyCounts.drops.all]).toMatchObject([{ guard: "mac" }]);
  });
});
