import { type Cidr, Name } from "@holdfast/core";
import type { LabelSelector, Peer, PolicyRule, PolicyService } from "@holdfast/model";
import type { PolicySpec } from "@holdfast/policy";

/** Cases of the matrix. Those with a K are of Kubernetes' own tests of NetworkPolicy (test/e2e/network/netpol), said in our words. */
export interface MatrixCase {
  readonly name: string;
  readonly policies: readonly PolicySpec[];
}

/** What cases need to know of the world: prefixes of the first tenant's network. */
export interface Ground {
  readonly v4: Cidr;
  readonly v6: Cidr;
  /** Address `number` of the network, in both families. */
  readonly hosts: (number: number) => readonly [Cidr, Cidr];
}

export const [OWN, OTHER] = ["default", "rival"].map(Name.parse) as [Name, Name];
export const NETWORK = Name.parse("net");
export const BLOCKED = Name.parse("blocked");

const BOTH = ["ingress", "egress"] as const;
type Parts = Partial<Omit<PolicySpec, "name">>;
const policy = (name: string, parts: Parts): PolicySpec => ({
  tenant: OWN,
  name: Name.parse(name),
  tier: "tenant",
  order: 1000,
  subject: {},
  isolates: [],
  ingress: [],
  egress: [],
  mode: "enforced",
  replaces: undefined,
  ...parts,
});

interface What {
  readonly from?: readonly Peer[];
  readonly on?: readonly PolicyService[];
}
let rules = 0;
const rule = (action: PolicyRule["action"], { from, on }: What): PolicyRule => ({
  id: `r${++rules}`,
  action,
  ...(from === undefined ? {} : { peers: [...from] }),
  ...(on === undefined ? {} : { services: [...on] }),
});
const allow = (what: What = {}) => rule("allow", what);
const deny = (what: What = {}) => rule("deny", what);
const pass = (what: What = {}) => rule("pass", what);

const labels = (...pairs: readonly string[]): LabelSelector => ({
  matchLabels: Object.fromEntries(pairs.map((pair) => pair.split("=") as [string, string])),
});
const of = (...pairs: readonly string[]): Peer => ({ kind: "selector", selector: labels(...pairs) });
const group = (name: string, tenant?: Name): Peer => ({
  kind: "group",
  group: Name.parse(name),
  ...(tenant === undefined ? {} : { tenant }),
});
const cidr = (prefix: Cidr, ...except: readonly Cidr[]): Peer => ({
  kind: "cidr",
  cidr: prefix,
  ...(except.length === 0 ? {} : { except: [...except] }),
});
const tcp = (...ports: readonly (number | string)[]): PolicyService => ({ protocol: "tcp", ports: [...ports] });
const udp = (...ports: readonly number[]): PolicyService => ({ protocol: "udp", ports: [...ports] });
const on = (...pairs: readonly string[]) => ({ selector: labels(...pairs) });
const matching = (...expressions: NonNullable<LabelSelector["matchExpressions"]>) => ({
  selector: { matchExpressions: expressions },
});

/** Each begins with the world as it is without policies. */
export function matrixCases({ v4, v6, hosts }: Ground): readonly MatrixCase[] {
  const A = on("app=a");
  const isolated = (ingress: readonly PolicyRule[], parts: Parts = {}): PolicySpec =>
    policy("p", { subject: A, isolates: ["ingress"], ingress: [...ingress], ...parts });
  const outward = (egress: readonly PolicyRule[], parts: Parts = {}): PolicySpec =>
    policy("p", { subject: A, isolates: ["egress"], egress: [...egress], ...parts });
  const one = (name: string, ...policies: readonly PolicySpec[]): MatrixCase => ({ name, policies });
  const [first4, first6] = hosts(0);
  const [second4, second6] = hosts(1);
  return [
    one("no policy"),
    one("K: deny all ingress of all", policy("p", { isolates: ["ingress"] })),
    one("K: deny all egress of all", policy("p", { isolates: ["egress"] })),
    one("K: deny all of all", policy("p", { isolates: [...BOTH] })),
    one("K: deny all ingress of some", isolated([])),
    one("K: allow all ingress", isolated([allow()])),
    one("K: allow all egress", outward([allow()])),
    one("K: allow ingress from pods by label", isolated([allow({ from: [of("app=b")] })])),
    one("K: allow ingress from a namespace", isolated([allow({ from: [{ kind: "network", network: NETWORK }] })])),
    one("K: allow ingress from pods and namespaces at once", isolated([allow({ from: [of("tier=web", "env=test")] })])),
    one("K: allow ingress from either of two peers", isolated([allow({ from: [of("app=b"), of("app=f")] })])),
    one("K: allow ingress by a port", isolated([allow({ on: [tcp(7080)] })])),
    one("K: allow ingress by a port from a label", isolated([allow({ from: [of("env=prod")], on: [tcp(7081)] })])),
    one(
      "K: several rules",
      isolated([allow({ from: [of("app=b")], on: [tcp(7080)] }), allow({ from: [of("app=c")] })]),
    ),
    one(
      "K: several policies add up",
      isolated([allow({ on: [tcp(7080)] })]),
      policy("q", { subject: A, isolates: ["ingress"], ingress: [allow({ on: [tcp(7081)] })] }),
    ),
    one(
      "K: a policy that allows beside one that denies all",
      policy("p", { isolates: ["ingress"], order: 2000 }),
      policy("q", { subject: A, ingress: [allow({ from: [of("app=b")] })] }),
    ),
    one("K: allow egress to pods by label and port", outward([allow({ from: [of("app=d")], on: [tcp(7080)] })])),
    one("K: allow egress to a prefix", outward([allow({ from: [cidr(first4), cidr(second6)] })])),
    one(
      "K: allow egress to a prefix with exceptions",
      outward([allow({ from: [cidr(v4, second4), cidr(v6, second6)] })]),
    ),
    one(
      "K: an exception of one policy allowed by another",
      outward([allow({ from: [cidr(v4, second4)] })]),
      policy("q", { subject: A, egress: [allow({ from: [cidr(second4)] })] }),
    ),
    one(
      "K: ingress and egress of the same",
      isolated([allow({ from: [of("app=b")] })], { isolates: [...BOTH], egress: [allow({ from: [of("app=c")] })] }),
    ),
    one("K: UDP alone", isolated([allow({ on: [udp(7080)] })])),
    one("K: SCTP alone", isolated([allow({ on: [{ protocol: "sctp", ports: [7080] }] })])),
    one("K: a range of ports", isolated([allow({ on: [tcp("7081-7090")] })])),
    one(
      "K: In",
      policy("p", { subject: matching({ key: "app", operator: "In", values: ["a", "c"] }), isolates: ["ingress"] }),
    ),
    one(
      "K: NotIn",
      policy("p", { subject: matching({ key: "app", operator: "NotIn", values: ["a", "c"] }), isolates: ["ingress"] }),
    ),
    one("K: Exists", policy("p", { subject: matching({ key: "odd", operator: "Exists" }), isolates: ["egress"] })),
    one(
      "K: DoesNotExist",
      policy("p", { subject: matching({ key: "odd", operator: "DoesNotExist" }), isolates: ["egress"] }),
    ),
    one("deny by label in an open world", policy("p", { subject: A, ingress: [deny({ from: [of("env=test")] })] })),
    one("a denial before an allowance", isolated([deny({ from: [of("app=b")] }), allow()])),
    one("an allowance before a denial", isolated([allow({ from: [of("app=b")] }), deny()])),
    one(
      "the order of policies",
      policy("p", { order: 1, ingress: [deny({ on: [tcp(7080)] })] }),
      policy("a", { order: 2, ingress: [allow()] }),
    ),
    one(
      "admin before tenant",
      isolated([allow()]),
      policy("q", { tier: "admin", ingress: [deny({ from: [of("tier=ops")] })] }),
    ),
    one(
      "pass to the next tier",
      isolated([deny({ on: [tcp(7080)] }), allow()]),
      policy("q", { tier: "admin", ingress: [pass({ from: [of("app=b")] }), deny({ from: [of("tier=web")] })] }),
    ),
    one(
      "the default tier last",
      policy("p", { tier: "default", ingress: [deny()] }),
      policy("q", { subject: A, ingress: [allow()] }),
    ),
    one(
      "echo requests alone",
      isolated([
        allow({
          on: [
            { protocol: "icmp", type: 8, code: 0 },
            { protocol: "icmpv6", type: 128 },
          ],
        }),
      ]),
    ),
    one(
      "source ports",
      isolated([allow({ on: [{ protocol: "tcp", sourcePorts: ["1-1023"] }] }), allow({ on: [udp(7080)] })]),
    ),
    one("an address set", policy("p", { ingress: [deny({ from: [{ kind: "addresses", set: BLOCKED }] })] })),
    one(
      "groups among themselves",
      policy("p", {
        subject: { groups: ["a", "b", "c"].map(Name.parse) },
        isolates: [...BOTH],
        ingress: [allow({ from: ["a", "b", "c"].map((name) => group(name)) })],
        egress: [allow({ from: ["a", "b", "c"].map((name) => group(name)) })],
      }),
    ),
    one(
      "one family alone",
      isolated([allow({ from: [cidr(v6)] })]),
      policy("q", { egress: [deny({ from: [cidr(first6)] })] }),
    ),
    one(
      "a contract of two tenants",
      policy("p", { egress: [allow({ from: [group("a", OTHER)], on: [tcp(7080)] })] }),
      policy("q", {
        tenant: OTHER,
        subject: { groups: [Name.parse("a")] },
        ingress: [allow({ from: [group("a", OWN)] })],
      }),
    ),
    one(
      "a contract of one tenant alone",
      policy("p", { egress: [allow({ from: [group("a", OTHER)] })], ingress: [allow({ from: [group("a", OTHER)] })] }),
    ),
    one("a staged policy", policy("p", { isolates: [...BOTH], mode: "staged" })),
  ];
}
