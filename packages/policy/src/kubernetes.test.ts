import { Identity, IpAddress, Name } from "@holdfast/core";
import { documentSchema, NAMESPACE_LABEL, networkPolicySchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { evaluateEnd } from "./evaluate.ts";
import { translateNetworkPolicy } from "./kubernetes.ts";
import { PlainWorld } from "./testing/plain-world.ts";
import type { Member, PolicySpec } from "./world.ts";

const tenant = Name.parse("default");
const network = Name.parse("net");

function translate(spec: object, metadata: object = {}): PolicySpec {
  const document = networkPolicySchema.parse({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "np", namespace: "x", ...metadata },
    spec,
  });
  const parsed = documentSchema.parse(translateNetworkPolicy(document));
  if (parsed.kind !== "Policy") throw new TypeError("no policy");
  return { ...parsed.spec, tenant: parsed.metadata.tenant, name: parsed.metadata.name };
}

/** The pods of the Kubernetes e2e tests: a, b, c in the namespaces x, y, z. */
const NAMESPACES = ["x", "y", "z"];
const PODS = ["a", "b", "c"];
const pods = NAMESPACES.flatMap((namespace, first) =>
  PODS.map((pod, second): Member => {
    const labels = { pod, [NAMESPACE_LABEL]: namespace };
    const addresses = [IpAddress.parse(`10.0.${first}.${second + 1}`)];
    return { tenant, network, identity: Identity.parse(`${namespace}/${pod}`), labels, addresses };
  }),
);

/** Who may begin a connection with whom, as a truth table: `x/a -> x/b` and so on, for one port. */
function reaches(policies: readonly PolicySpec[], to: string, port = 80, protocol = 6): string[] {
  const world = new PlainWorld();
  world.tenantList.push({ name: tenant, sharedWith: [] });
  world.networkList.push({ tenant, name: network, kind: "routed", prefixes: ["10.0.0.0/16" as never] });
  world.memberList.push(...pods);
  world.policyList.push(...policies);
  const target = pods.find(({ identity }) => identity === to);
  if (target === undefined) throw new TypeError(`no pod ${to}`);
  const ask = (subject: Member, direction: "ingress" | "egress", remote: Member) => {
    const [address = IpAddress.parse("10.0.0.1")] = remote.addresses;
    const packet = { direction, remote: address, protocol, sourcePort: 50_000, destinationPort: port };
    return evaluateEnd(world, { subject, packet, view: "enforced" }).verdict === "allow";
  };
  return pods
    .filter((from) => from !== target && ask(from, "egress", target) && ask(target, "ingress", from))
    .map(({ identity }) => identity);
}

const ALL = pods.map(({ identity }) => String(identity));
const without = (...names: string[]) => ALL.filter((name) => !names.includes(name));
const inNamespaces = (...names: string[]) => ({
  namespaceSelector: { matchExpressions: [{ key: NAMESPACE_LABEL, operator: "In", values: names }] },
});

describe("a Kubernetes NetworkPolicy does what it does there", () => {
  test("default deny of ingress isolates the pods of its namespace alone", () => {
    const deny = translate({ podSelector: {}, policyTypes: ["Ingress"] });
    expect(reaches([deny], "x/a")).toEqual([]);
    expect(reaches([deny], "y/a")).toEqual(without("y/a"));
  });

  test("default deny of egress keeps its pods in", () => {
    const deny = translate({ podSelector: {}, policyTypes: ["Egress"] });
    expect(reaches([deny], "y/a")).toEqual(without("x/a", "x/b", "x/c", "y/a"));
  });

  test("a pod selector is of the policy's namespace", () => {
    const policy = translate({
      podSelector: { matchLabels: { pod: "a" } },
      ingress: [{ from: [{ podSelector: { matchLabels: { pod: "b" } } }] }],
    });
    expect(reaches([policy], "x/a")).toEqual(["x/b"]);
    expect(reaches([policy], "x/c")).toEqual(without("x/c"));
  });

  test("a namespace selector is of all pods there, and with a pod selector of those alone", () => {
    const subject = { podSelector: { matchLabels: { pod: "a" } } };
    expect(reaches([translate({ ...subject, ingress: [{ from: [inNamespaces("y")] }] })], "x/a")).toEqual([
      "y/a",
      "y/b",
      "y/c",
    ]);
    const both = { ...inNamespaces("y", "z"), podSelector: { matchLabels: { pod: "b" } } };
    expect(reaches([translate({ ...subject, ingress: [{ from: [both] }] })], "x/a")).toEqual(["y/b", "z/b"]);
    const either = [inNamespaces("y"), { podSelector: { matchLabels: { pod: "b" } } }];
    expect(reaches([translate({ ...subject, ingress: [{ from: either }] })], "x/a")).toEqual([
      "x/b",
      "y/a",
      "y/b",
      "y/c",
    ]);
  });

  test("empty and absent mean everybody in a rule, and nobody among the rules", () => {
    expect(reaches([translate({ ingress: [{}] })], "x/a")).toEqual(without("x/a"));
    expect(reaches([translate({ ingress: [{ from: [] }] })], "x/a")).toEqual(without("x/a"));
    expect(reaches([translate({ ingress: [] })], "x/a")).toEqual([]);
    expect(reaches([translate({ ingress: [{ from: [{ namespaceSelector: {} }] }] })], "x/a")).toEqual(without("x/a"));
  });

  test("several policies add up", () => {
    const one = translate({ ingress: [{ from: [inNamespaces("y")] }] }, { name: "one" });
    const two = translate({ ingress: [{ from: [inNamespaces("z")] }] }, { name: "two" });
    const deny = translate({ policyTypes: ["Ingress"] }, { name: "a-deny" });
    expect(reaches([deny, one, two], "x/a")).toEqual(["y/a", "y/b", "y/c", "z/a", "z/b", "z/c"]);
  });

  test("ports and ranges of a protocol", () => {
    const policy = translate({ ingress: [{ ports: [{ port: 80, endPort: 81 }, { protocol: "UDP" }] }] });
    expect(reaches([policy], "x/a", 81)).toHaveLength(8);
    expect(reaches([policy], "x/a", 82)).toEqual([]);
    expect(reaches([policy], "x/a", 82, 17)).toHaveLength(8);
  });

  test("blocks of addresses with exceptions, in both directions", () => {
    const block = { ipBlock: { cidr: "10.0.0.0/16", except: ["10.0.1.0/24"] } };
    expect(reaches([translate({ ingress: [{ from: [block] }] })], "x/a")).toEqual(without("x/a", "y/a", "y/b", "y/c"));
    const egress = translate({ podSelector: {}, egress: [{ to: [block] }], policyTypes: ["Egress"] });
    expect(reaches([egress], "y/a")).toEqual(without("y/a", "x/a", "x/b", "x/c"));
  });

  test("an empty list of policyTypes means what none does", () => {
    expect(translate({ policyTypes: [] }).isolates).toEqual(["ingress"]);
    expect(translate({ policyTypes: [], egress: [{}] }).isolates).toEqual(["ingress", "egress"]);
    expect(translate({ egress: [] }).isolates).toEqual(["ingress"]);
  });

  test("what is null is not there", () => {
    const nothing = { podSelector: { matchLabels: null }, ingress: [{ from: null, ports: null }], egress: null };
    expect(translate(nothing)).toEqual(translate({ podSelector: {}, ingress: [{}] }));
    expect(() => translate({ ingress: [{ from: [{ podSelector: null }] }] })).toThrow("spec.ingress.0.from.0");
  });

  test("egress rules without policyTypes isolate in both directions", () => {
    expect(translate({ egress: [{}] }).isolates).toEqual(["ingress", "egress"]);
    expect(translate({ ingress: [{}] }).isolates).toEqual(["ingress"]);
    expect(translate({ egress: [{}], policyTypes: ["Ingress"] }).egress).toEqual([]);
  });

  test.each([
    ["a named port", { ingress: [{ ports: [{ port: "http" }] }] }, "spec.ingress.0.ports.0.port"],
    [
      "a namespace's labels",
      { egress: [{ to: [{ namespaceSelector: { matchLabels: { team: "a" } } }] }] },
      "spec.egress.0.to.0.namespaceSelector",
    ],
    [
      "a range that ends before it begins",
      { ingress: [{ ports: [{ port: 9, endPort: 8 }] }] },
      "spec.ingress.0.ports.0.endPort",
    ],
    ["a peer that is nobody", { ingress: [{ from: [{}] }] }, "spec.ingress.0.from.0"],
  ])("%s cannot be expressed, and is refused by its field", (_, spec, field) => {
    expect(() => translate(spec)).toThrow(`${field}: `);
  });

  test("a name that is too long is refused", () => {
    expect(() => translate({}, { name: "a".repeat(63) })).toThrow("metadata.name: ");
  });
});
