import { Cidr, Identity, IpAddress, Name } from "@holdfast/core";
import type { PolicyRule } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { PolicyCompiler } from "./compiler.ts";
import { NodePolicy, type NodePolicyChange } from "./node-policy.ts";
import { NO_NEWS, PolicyBook } from "./policy-book.ts";
import { isTrivial } from "./program-sets.ts";
import { PlainWorld } from "./testing/plain-world.ts";
import type { Member, PolicySpec } from "./world.ts";

const red = Name.parse("red");
const net = Name.parse("net");
const identity = Identity.parse("a");
const a: Member = { tenant: red, network: net, identity, labels: {}, addresses: [IpAddress.parse("10.1.0.1")] };

function policy(ingress: readonly PolicyRule[]): PolicySpec {
  const base = {
    tenant: red,
    name: Name.parse("p"),
    tier: "tenant",
    order: 1000,
    subject: {},
    mode: "enforced",
  } as const;
  return { ...base, isolates: [], egress: [], ingress: [...ingress] };
}

const deny = (cidr: string): PolicyRule => ({
  id: `r${cidr.replace("/", "-")}`,
  action: "deny",
  peers: [{ kind: "cidr", cidr: Cidr.parse(cidr) }],
});

function setUp() {
  const world = new PlainWorld();
  const compiler = new PolicyCompiler(world);
  compiler.setTenant({ name: red, sharedWith: [] });
  compiler.setNetwork({ tenant: red, name: net, kind: "routed", prefixes: [Cidr.parse("10.1.0.0/16")] });
  const node = new NodePolicy(compiler);
  const tell = (): NodePolicyChange => {
    node.follow(compiler.take());
    return node.take() ?? NO_NEWS;
  };
  return { compiler, node, book: new PolicyBook(), tell };
}

describe("a node's book of policies", () => {
  test("keeps the objects of what has not changed through an edit", () => {
    const { compiler, node, book, tell } = setUp();
    const rules = Array.from({ length: 40 }, (_, index) => deny(`192.0.2.${index}/32`));
    compiler.setPolicy(policy(rules));
    node.setEndpoint("e1", a);
    const [before] = book.apply(tell()).programs;
    compiler.setPolicy(policy(rules.with(3, { ...deny("192.0.2.3/32"), action: "allow" })));
    const [after] = book.apply(structuredClone(tell())).programs;
    const stage = (program: typeof before) => program?.v4.ingress.main[0]?.stages[0]?.rules ?? [];
    const kept = stage(after).filter((rule, index) => rule === stage(before)[index]);
    expect(kept).toHaveLength(39);
    expect(after?.v4.egress.main).toEqual(before?.v4.egress.main);
  });

  test("lets go of a program only when no endpoint here has it", () => {
    const { compiler, node, book, tell } = setUp();
    compiler.setPolicy(policy([deny("192.0.2.0/24")]));
    node.setEndpoint("e1", a);
    const [program] = book.apply(tell()).programs;
    node.removeEndpoint("e1");
    const change = book.apply(tell());
    expect(change).toMatchObject({ programsGone: [], setsGone: [] });
    expect(book.program(program?.id ?? "")).toBe(program);
    const left = book.forget("e1");
    expect(left?.programsGone).toEqual([program?.id]);
    expect([...(left?.setsGone ?? [])].sort()).toEqual([
      "platform/v4",
      "platform/v6",
      "tenant/red/v4",
      "tenant/red/v6",
    ]);
    expect(book.everything()).toEqual({ ...new PolicyBook().everything() });
    expect(book.forget("e1")).toBeUndefined();
  });

  test("finds no news in a telling of what it has, and just what is another", () => {
    const { compiler, node, book, tell } = setUp();
    compiler.setPolicy(policy([deny("192.0.2.0/24")]));
    node.setEndpoint("e1", a);
    const all = tell();
    book.apply(all);
    expect(book.newsIn(structuredClone(all))).toEqual(NO_NEWS);
    const sets = all.sets.map((set) =>
      set.id === "tenant/red/v4" ? { ...set, members: [Cidr.parse("10.2.0.0/16")] } : set,
    );
    expect(book.newsIn({ ...all, sets })).toEqual({
      ...NO_NEWS,
      setEdits: [{ id: "tenant/red/v4", add: ["10.2.0.0/16"], remove: ["10.1.0.0/16"] }],
    });
    expect(book.newsIn(NO_NEWS)).toMatchObject({ programsGone: [all.programs[0]?.id], blocksGone: ["red/p"] });
  });

  test("takes back what was going", () => {
    const { compiler, node, book, tell } = setUp();
    compiler.setPolicy(policy([deny("192.0.2.0/24")]));
    node.setEndpoint("e1", a);
    const all = tell();
    book.apply(all);
    book.apply(book.newsIn(NO_NEWS));
    expect(book.newsIn(all)).toMatchObject({ programs: all.programs, blocks: all.blocks });
    book.apply(book.newsIn(all));
    expect(book.newsIn(all)).toEqual(NO_NEWS);
    expect(book.forget("e1")).toBeUndefined();
  });

  test("knows a program that only keeps tenants apart", () => {
    const { compiler, node, book, tell } = setUp();
    node.setEndpoint("e1", a);
    const [program] = book.apply(tell()).programs;
    expect(program && isTrivial(program)).toBe(true);
    compiler.setPolicy(policy([deny("192.0.2.0/24")]));
    node.setEndpoint("e1", a);
    const [other] = book.apply(tell()).programs;
    expect(other && isTrivial(other)).toBe(false);
  });
});
