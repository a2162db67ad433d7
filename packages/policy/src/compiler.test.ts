import { Cidr, Identity, IpAddress, Name } from "@holdfast/core";
import type { PolicyRule } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { PolicyCompiler } from "./compiler.ts";
import { NodePolicy } from "./node-policy.ts";
import { PlainWorld } from "./testing/plain-world.ts";
import type { Member, PolicyNetwork, PolicySpec } from "./world.ts";

const [red, blue, net, overlay] = ["red", "blue", "net", "overlay"].map(Name.parse) as [Name, Name, Name, Name];
const web = Name.parse("web");

function network(tenant: Name, prefix: string, rest: Partial<PolicyNetwork> = {}): PolicyNetwork {
  return { tenant, name: net, kind: "routed", prefixes: [Cidr.parse(prefix)], ...rest };
}

function member(tenant: Name, identity: string, address: string, rest: Partial<Member> = {}): Member {
  const base = { tenant, network: net, identity: Identity.parse(identity), labels: { app: "web" } };
  return { ...base, addresses: [IpAddress.parse(address)], ...rest };
}

function policy(rules: readonly Partial<PolicyRule>[], rest: Partial<PolicySpec> = {}): PolicySpec {
  const ingress = rules.map((rule, index): PolicyRule => ({ id: `r${index}`, action: "allow", ...rule }));
  const base = {
    tenant: red,
    name: Name.parse("p"),
    tier: "tenant",
    order: 1000,
    subject: {},
    mode: "enforced",
  } as const;
  return { ...base, isolates: [], egress: [], ingress, ...rest };
}

function setUp() {
  const world = new PlainWorld();
  const compiler = new PolicyCompiler(world);
  compiler.setTenant({ name: red, sharedWith: [] });
  compiler.setTenant({ name: blue, sharedWith: [] });
  compiler.setNetwork(network(red, "10.1.0.0/16"));
  compiler.setNetwork(network(blue, "10.2.0.0/16"));
  const join = (one: Member) => {
    world.memberList.push(one);
    compiler.changeMember(undefined, one);
  };
  compiler.setGroup({ tenant: red, name: web, selector: { matchLabels: { app: "web" } }, sharedWith: [] });
  return { world, compiler, join };
}

const sorted = (members: Iterable<Cidr> | undefined) => [...(members ?? ["none"])].sort();

describe("the compiler", () => {
  test("says of a member that joins a group one element of one set, and touches no block and no program", () => {
    const { compiler, join } = setUp();
    compiler.setPolicy(policy([{ peers: [{ kind: "group", group: web }] }]));
    join(member(red, "a", "10.1.0.1"));
    const node = new NodePolicy(compiler);
    node.setEndpoint("e1", member(red, "a", "10.1.0.1"));
    node.take();
    compiler.take();
    join(member(red, "b", "10.1.0.2"));
    const change = compiler.take();
    expect(change).toMatchObject({ setEdits: [{ id: "group/red/web/v4", add: ["10.1.0.2/32"], remove: [] }] });
    expect(change.blocks.size).toBe(0);
    node.follow(change);
    expect(node.take()).toMatchObject({
      sets: [],
      blocks: [],
      programs: [],
      endpoints: [],
      setEdits: [{ id: "group/red/web/v4" }],
    });
  });

  test("tells a node nothing of sets and policies that its endpoints do not use", () => {
    const { compiler, join } = setUp();
    compiler.setPolicy(policy([{ peers: [{ kind: "group", group: web }] }], { subject: { groups: [web] } }));
    const node = new NodePolicy(compiler);
    node.setEndpoint("e1", member(red, "other", "10.1.0.9", { labels: {} }));
    expect(node.take()?.blocks).toEqual([]);
    compiler.take();
    join(member(red, "b", "10.1.0.2"));
    compiler.setPolicy(policy([], { subject: { groups: [web] } }));
    node.follow(compiler.take());
    expect(node.take()).toBeUndefined();
  });

  test("keeps programs when a rule is edited, and renews its policy's block alone", () => {
    const { compiler } = setUp();
    const subject = member(red, "a", "10.1.0.1");
    compiler.setPolicy(policy([{ action: "deny" }]));
    compiler.setPolicy(policy([{ action: "allow" }], { name: Name.parse("q") }));
    const before = compiler.outlines(subject).enforced;
    compiler.take();
    compiler.setPolicy(policy([{ action: "pass" }]));
    const { blocks, stale } = compiler.take();
    expect([...blocks]).toEqual(["red/p"]);
    expect(stale).toEqual([]);
    expect(compiler.outlines(subject).enforced).toEqual(before);
  });

  test("compiles of a policy that is edited the rules that the edit touches, and takes what the others are from the former version", () => {
    const { compiler } = setUp();
    const rules = Array.from({ length: 9 }, (_, index): Partial<PolicyRule> => {
      return { peers: [{ kind: "cidr", cidr: Cidr.parse(`192.0.2.${index}/32`) }] };
    });
    const compiled = () => compiler.block("red/p")?.v4.ingress.main.flatMap((stage) => stage.rules) ?? [];
    compiler.setPolicy(policy(rules));
    const before = compiled();
    // As told by another controller: no rule is the same object.
    compiler.setPolicy(structuredClone(policy(rules.with(4, { ...rules[4], action: "deny" }))));
    const after = compiled();
    expect(after.map(({ verdict }) => verdict)).toEqual(before.map((_, index) => (index === 4 ? "deny" : "allow")));
    expect(after.map((rule, index) => rule === before[index])).toEqual(before.map((_, index) => index !== 4));
  });

  test("gives other tenants only what they can reach of a group, and only while it is shared", () => {
    const { compiler, join } = setUp();
    compiler.setNetwork(network(red, "10.9.0.0/16", { name: overlay, kind: "vxlan" }));
    join(member(red, "a", "10.1.0.1"));
    join(member(red, "hidden", "10.9.0.1", { network: overlay }));
    compiler.setPolicy(policy([{ peers: [{ kind: "group", group: web, tenant: red }] }], { tenant: blue }));
    expect(compiler.members("foreign-group/red/web/v4")).toBeUndefined();
    const shared = { tenant: red, name: web, selector: { matchLabels: { app: "web" } } };
    compiler.setGroup({ ...shared, sharedWith: [blue] });
    expect(sorted(compiler.members("foreign-group/red/web/v4"))).toEqual(["10.1.0.1/32"]);
    compiler.setGroup({ ...shared, sharedWith: [] });
    expect(compiler.members("foreign-group/red/web/v4")).toBeUndefined();
  });

  test("follows prefixes of a tenant that another one's rules name", () => {
    const { compiler } = setUp();
    compiler.setTenant({ name: red, sharedWith: [blue] });
    compiler.setPolicy(policy([{ peers: [{ kind: "tenant", tenant: red }] }], { tenant: blue }));
    compiler.setNetwork(network(red, "10.5.0.0/16", { name: Name.parse("more") }));
    compiler.setNetwork(network(red, "10.9.0.0/16", { name: overlay, kind: "vxlan" }));
    expect(sorted(compiler.members("foreign-tenant/red/v4"))).toEqual(["10.1.0.0/16", "10.5.0.0/16"]);
    compiler.removeNetwork(red, net);
    expect(sorted(compiler.members("foreign-tenant/red/v4"))).toEqual(["10.5.0.0/16"]);
  });

  test("keeps nothing of sets that no rule refers to", () => {
    const { compiler, join } = setUp();
    compiler.setPolicy(policy([{ peers: [{ kind: "group", group: web }] }]));
    join(member(red, "a", "10.1.0.1"));
    compiler.removePolicy(red, Name.parse("p"));
    expect(compiler.members("group/red/web/v4")).toBeUndefined();
    const node = new NodePolicy(compiler);
    node.setEndpoint("e1", member(red, "a", "10.1.0.1"));
    expect(sorted(compiler.members("platform/v4"))).toEqual(["10.1.0.0/16", "10.2.0.0/16"]);
    node.close();
    expect(compiler.members("platform/v4")).toBeUndefined();
  });

  test("finds a group's claims wherever its labels are written in another order, and lets go of them", () => {
    const { compiler, join } = setUp();
    const group = (matchLabels: Record<string, string>) =>
      compiler.setGroup({ tenant: red, name: web, selector: { matchLabels }, sharedWith: [] });
    group({ app: "web", zone: "a" });
    compiler.setPolicy(policy([{ peers: [{ kind: "group", group: web }] }]));
    compiler.take();
    group({ zone: "a", app: "web" });
    join(member(red, "a", "10.1.0.1", { labels: { app: "web", zone: "a" } }));
    expect(compiler.take().setEdits).toMatchObject([{ add: ["10.1.0.1/32"] }]);
    compiler.removePolicy(red, Name.parse("p"));
    join(member(red, "b", "10.1.0.2", { labels: { app: "web", zone: "a" } }));
    expect(compiler.take().setEdits).toEqual([]);
  });

  test("tells a set anew that nobody followed for a moment", () => {
    const { compiler, join } = setUp();
    const q = Name.parse("q");
    const speaking = [{ peers: [{ kind: "group", group: web } as const] }];
    compiler.setPolicy(policy(speaking));
    compiler.setPolicy(policy([], { name: q }));
    const node = new NodePolicy(compiler);
    node.setEndpoint("e1", member(red, "a", "10.1.0.1"));
    node.take();
    compiler.take();
    compiler.setPolicy(policy([{ action: "deny" }], { name: q }));
    compiler.setPolicy(policy([]));
    join(member(red, "b", "10.1.0.2"));
    compiler.setPolicy(policy(speaking, { name: q }));
    node.follow(compiler.take());
    expect(node.take()?.sets).toContainEqual({ id: "group/red/web/v4", family: "v4", members: ["10.1.0.2/32"] });
  });

  test("gives a staged program to those alone whom a staged policy concerns", () => {
    const { compiler } = setUp();
    compiler.setPolicy(policy([{ action: "deny" }], { mode: "staged", subject: { groups: [web] } }));
    expect(compiler.outlines(member(red, "a", "10.1.0.1")).staged?.blocks).toEqual(["red/p"]);
    expect(compiler.outlines(member(red, "b", "10.1.0.2", { labels: {} })).staged).toBeUndefined();
    expect(compiler.outlines(member(red, "a", "10.1.0.1")).enforced.blocks).toEqual([]);
  });
});
