import { Cidr, IpAddress } from "@holdfast/core";
import { flowKey, formatFlow } from "@holdfast/openflow";
import { FakeSwitch } from "@holdfast/openflow/testing";
import type { Path, PolicyChange, Program, ProgramRule } from "@holdfast/policy";
import { beforeEach, describe, expect, test } from "vitest";
import { PolicyPlan } from "./policy-plan.ts";

const signal = new AbortController().signal;
const NOTHING: PolicyChange = { sets: [], setEdits: [], setsGone: [], programs: [], programsGone: [], endpoints: [] };
const change = (part: Partial<PolicyChange>): PolicyChange => ({ ...NOTHING, ...part });

const end = (id: string, verdict: "allow" | "deny"): ProgramRule => ({
  id,
  verdict,
  log: false,
  remote: "any",
  services: "any",
});
const realms = (family: "v4" | "v6") => ({ own: `own/acme/${family}`, platform: `platform/${family}` });
const path = (family: "v4" | "v6", ...rules: ProgramRule[]): Path => ({
  realms: realms(family),
  main: [{ stages: [{ disjoint: false, rules: rules.length === 0 ? [end("default", "deny")] : rules }] }],
  foreign: [{ stages: [{ disjoint: false, rules: [end("foreign", "deny")] }] }],
});
const program = (id: string, ...ingress: ProgramRule[]): Program => ({
  id,
  v4: { ingress: path("v4", ...ingress, end("default", "deny")), egress: path("v4", end("default", "allow")) },
  v6: { ingress: path("v6"), egress: path("v6") },
});
const set = (id: string, ...members: string[]) => ({
  id,
  family: id.endsWith("v6") ? ("v6" as const) : ("v4" as const),
  members: members.map(Cidr.parse),
});

const web: ProgramRule = {
  id: "rule/acme/web/ingress/web",
  verdict: "allow",
  log: false,
  remote: { sets: ["group/acme/web/v4"], prefixes: [] },
  services: [
    {
      protocol: 6,
      destinationPorts: [
        { first: 80, last: 81 },
        { first: 443, last: 443 },
      ],
    },
  ],
};
const ping: ProgramRule = {
  id: "rule/acme/web/ingress/ping",
  verdict: "allow",
  log: false,
  remote: { sets: [], prefixes: [Cidr.parse("192.0.2.0/24")] },
  services: [{ protocol: 1, icmp: { type: 8, code: 0 } }],
};
const mixed: ProgramRule = {
  id: "rule/acme/web/ingress/mixed",
  verdict: "deny",
  log: false,
  remote: { sets: ["group/acme/web/v4"], prefixes: ["198.51.100.0/24", "203.0.113.0/24"].map(Cidr.parse) },
  services: [
    { protocol: 17, destinationPorts: [{ first: 1000, last: 1003 }] },
    { protocol: 132, sourcePorts: [{ first: 9, last: 9 }] },
    { protocol: 47 },
  ],
};

const SETS = [
  set("own/acme/v4", "10.20.0.0/16"),
  set("own/acme/v6"),
  set("platform/v4", "10.20.0.0/16", "10.30.0.0/16"),
  set("platform/v6"),
  set("group/acme/web/v4", "10.20.0.7/32", "10.20.0.8/32"),
];
const PORT = { port: 1000, addresses: [IpAddress.parse("10.20.0.5")], programs: { program: "acme/1" } };

describe("the flows of policies", () => {
  let plan: PolicyPlan;
  let flows: FakeSwitch;
  const send = async (): Promise<readonly string[]> => {
    const difference = plan.flows.difference(false);
    const add = difference.add.map(({ flow }) => flow);
    await flows.apply({ add, remove: difference.remove.map(({ flow }) => flow) }, signal);
    plan.flows.done(difference);
    return [...difference.remove.map(({ key }) => `del ${key}`), ...difference.add.map(({ text }) => `add ${text}`)];
  };
  const table = (number: number): readonly string[] =>
    String(flows)
      .split("\n")
      .filter((line) => line.includes(`table=${number}, `));
  beforeEach(async () => {
    plan = new PolicyPlan();
    flows = new FakeSwitch();
    plan.apply(change({ sets: SETS, programs: [program("acme/1", web, ping, mixed)] }));
    plan.bind("a", PORT);
    await send();
  });

  test("of an endpoint with a program", async () => {
    await expect(`${String(flows)}\n`).toMatchFileSnapshot("testdata/program.golden");
  });

  test("an address that joins a set is one flow, however many rules there are", async () => {
    plan.apply(change({ setEdits: [{ id: "group/acme/web/v4", remove: [], add: [Cidr.parse("10.20.0.9/32")] }] }));
    expect(await send()).toEqual([expect.stringMatching(/^add .*table=14, priority=100,ip,reg8=0xa140009 actions=/)]);
    plan.apply(change({ setEdits: [{ id: "group/acme/web/v4", remove: [Cidr.parse("10.20.0.9/32")], add: [] }] }));
    expect(await send()).toEqual(["del table=14, priority=100,ip,reg8=0xa140009"]);
  });

  test("one that leaves a set and joins it again changes nothing", async () => {
    const member = [Cidr.parse("10.20.0.7/32")];
    const id = "group/acme/web/v4";
    plan.apply(
      change({
        setEdits: [
          { id, remove: member, add: [] },
          { id, remove: [], add: member },
        ],
      }),
    );
    expect(await send()).toEqual([]);
  });

  test("a set without members matches nobody, and its rules come back with a member", async () => {
    const before = table(17);
    plan.apply(change({ sets: [set("group/acme/web/v4")] }));
    await send();
    expect(table(17).length).toBeLessThan(before.length);
    plan.apply(change({ sets: [set("group/acme/web/v4", "10.20.0.7/32")] }));
    await send();
    expect(table(17)).toEqual(before);
  });

  test("a rule that is put between two others moves none of them", async () => {
    const other: ProgramRule = { ...ping, id: "rule/acme/web/ingress/other", verdict: "deny" };
    plan.apply(change({ programs: [program("acme/1", web, other, ping, mixed)] }));
    const sent = await send();
    expect(sent.filter((line) => line.startsWith("del"))).toEqual([]);
    expect(sent).toHaveLength(2);
  });

  test("a rule with many remotes and many services is their sum", () => {
    const many: ProgramRule = {
      ...mixed,
      remote: { sets: [], prefixes: Array.from({ length: 50 }, (_, index) => Cidr.parse(`172.16.${index}.0/24`)) },
      services: [{ protocol: 6, destinationPorts: ports(40) }],
    };
    const before = table(17).length;
    plan.apply(change({ programs: [program("acme/2", many)] }));
    const added = plan.flows.difference(false).add.filter(({ flow }) => flow.table === 17);
    expect(added.length).toBeLessThanOrEqual(50 + 40 + 1 + 8);
    expect(before).toBeGreaterThan(0);
  });

  test("what takes a change back leaves every flow as it was", async () => {
    const before = ordered(flows);
    const edits = change({
      sets: [set("group/acme/new/v4", "10.20.0.7/32", "10.20.0.0/24")],
      setEdits: [{ id: "group/acme/web/v4", remove: [Cidr.parse("10.20.0.7/32")], add: [Cidr.parse("10.20.1.0/24")] }],
      programs: [program("acme/1", mixed), program("acme/2", web)],
      endpoints: [{ endpoint: "a", program: "acme/2" }],
    });
    const inverse = plan.inverse(edits);
    plan.apply(edits);
    await send();
    expect(ordered(flows)).not.toEqual(before);
    plan.apply(inverse);
    await send();
    expect(ordered(flows)).toEqual(before);
  });

  test("a restarted agent makes the same flows, also of what was edited", async () => {
    const other: ProgramRule = { ...ping, id: "rule/acme/web/ingress/other", verdict: "deny" };
    plan.apply(change({ programs: [program("acme/1", other, web, ping, mixed)] }));
    await send();
    const again = new PolicyPlan();
    const observed = (await flows.dump()).map(({ flow }) => flow);
    again.inherit(observed.map((flow) => ({ key: flowKey(flow), text: formatFlow(flow), flow })));
    again.apply(change({ sets: SETS, programs: [program("acme/1", other, web, ping, mixed)] }));
    again.bind("a", PORT);
    expect(again.flows.difference(true)).toMatchObject({ add: [], remove: [] });
  });

  test.each<[string, Partial<PolicyChange>, string]>([
    ["a set", { setEdits: [{ id: "group/acme/none/v4", remove: [], add: [] }] }, "address set group/acme/none/v4"],
    [
      "a set of a rule",
      { programs: [program("p", { ...web, remote: { sets: ["x/v4"], prefixes: [] } })] },
      "program p",
    ],
    ["a program", { endpoints: [{ endpoint: "a", program: "acme/none" }] }, "has the policy acme/none"],
  ])("%s that is not here is named, and nothing changes", (_, part, error) => {
    expect(() => plan.apply(change(part))).toThrow(error);
    expect(plan.flows.difference(false)).toMatchObject({ add: [], remove: [] });
  });

  test("a rule with log tells of what it decides, and not of what it would", async () => {
    const logged = program("acme/2", { ...web, log: true });
    const told = async (logs: boolean, programs: PolicyChange["endpoints"][number]) => {
      plan = new PolicyPlan({ logs });
      flows = new FakeSwitch();
      plan.apply(change({ sets: SETS, programs: [program("acme/1", web), logged] }));
      plan.bind("a", { ...PORT, programs });
      await send();
      return table(17).filter((line) => /ct\(commit|resubmit\(,18\)/.test(line) && line.includes("controller("));
    };
    const [meter] = await told(true, { endpoint: "a", program: "acme/2" });
    expect(meter).toMatch(/reg15,controller\(meter_id=13[12]\d{3}\),resubmit\(,18\)/);
    expect(await told(false, { endpoint: "a", program: "acme/2" })).toEqual([]);
    const staged = await told(true, { endpoint: "a", program: "acme/1", staged: "acme/2" });
    // The program as it would be when it is enforced has them, with the walk that only counts beside it.
    expect(staged).toHaveLength((await told(true, { endpoint: "a", program: "acme/2" })).length);
  });

  test("nothing is left of what is gone", async () => {
    plan.unbind("a");
    plan.apply(change({ programsGone: ["acme/1"], setsGone: SETS.map(({ id }) => id) }));
    await send();
    expect(String(flows)).toBe(String(await emptyPlan()));
  });
});

/** Rules in their order, whatever their priorities are. */
function ordered(flows: FakeSwitch): readonly string[] {
  return String(flows)
    .replaceAll(/(table=17, priority=|conj_id=|conjunction\()\d+/g, "$1")
    .split("\n")
    .toSorted();
}

async function emptyPlan(): Promise<FakeSwitch> {
  const flows = new FakeSwitch();
  await flows.apply({ add: new PolicyPlan().flows.wanted(), remove: [] }, signal);
  return flows;
}

function ports(count: number): [{ first: number; last: number }, ...{ first: number; last: number }[]] {
  const port = (index: number) => ({ first: 1000 + 2 * index, last: 1000 + 2 * index });
  return [port(0), ...Array.from({ length: count - 1 }, (_, index) => port(index + 1))];
}
