import { describe, expect, test } from "vitest";
import { terminal } from "../testing/terminal.ts";
import { parseDocuments } from "./documents.ts";

const network = {
  tenant: "default",
  name: "web",
  id: "n1",
  kind: "vlan",
  segment: 100,
  subnets: [{ prefix: "10.20.0.0/16", gateway: "10.20.0.1", ranges: [], exclusions: [] }],
  mtu: 1500,
  docker: true,
  cooldownSeconds: 60,
  labels: { env: "prod" },
  createdAt: "2026-11-20T10:00:00.000Z",
  revision: 7,
};
const claim = {
  tenant: "default",
  network: "web",
  identity: "redis-0",
  addresses: ["10.20.0.7"],
  mac: "02:64:0a:14:00:07",
  retention: { kind: "reserved" },
  epoch: 0,
  labels: {},
  createdAt: "2026-11-20T10:00:00.000Z",
  revision: 9,
};

const FILE = `
apiVersion: holdfast/v1
kind: Claim
metadata: { name: redis-0, network: web }
---
apiVersion: holdfast/v1
kind: Network
metadata: { name: web, labels: { env: prod } }
spec: { kind: vlan, segment: 100, subnets: [{ prefix: 10.20.0.0/16 }] }
`;

describe("holdfast apply", () => {
  test("makes networks before the claims on them", async () => {
    const { run, seen, screen } = terminal(
      {
        "POST /v1/tenants/default/networks": { status: 201, body: network },
        "POST /v1/tenants/default/networks/web/claims": { status: 201, body: claim },
      },
      { "platform.yaml": FILE },
    );
    expect(await run("apply -f platform.yaml")).toBe(0);
    expect(seen.map(({ request }) => request).filter((request) => request.startsWith("POST"))).toEqual([
      "POST /v1/tenants/default/networks",
      "POST /v1/tenants/default/networks/web/claims",
    ]);
    expect(screen.out).toBe(
      "DOCUMENT                   OUTCOME  CHANGES\n" +
        "network default/web        created  -\n" +
        "claim default/web/redis-0  created  10.20.0.7\n",
    );
  });

  test("changes nothing that is right, and nothing at all on a dry run", async () => {
    const there = {
      "GET /v1/tenants/default/networks/web": { body: network },
      "GET /v1/tenants/default/networks/web/claims/redis-0": { body: claim },
    };
    const again = terminal(there, { f: FILE });
    await again.run("apply -f f");
    expect(again.seen.every(({ request }) => request.startsWith("GET"))).toBe(true);
    expect(again.screen.out).toContain("network default/web        unchanged  -\n");
    const dry = terminal({}, { f: FILE });
    await dry.run("apply -f f --dry-run");
    expect(dry.seen.every(({ request }) => request.startsWith("GET"))).toBe(true);
    expect(dry.screen.out).toContain("network default/web        created   -\n");
  });

  test("applies nothing of a file with an error, and names document and field", async () => {
    const { run, seen, screen } = terminal({}, { f: FILE.replace("10.20.0.0/16", "10.20.0.9/16") });
    expect(await run("apply -f f")).toBe(1);
    expect(screen.err).toContain("holdfast: f, document 2: spec.subnets.0.prefix: host bits are set");
    expect(seen).toEqual([]);
    expect(() => parseDocuments("f", "kind: [")).toThrow("f, document 1:");
    expect(() => parseDocuments("f", "# nothing\n")).toThrow("f holds no document");
  });

  test.for([
    [
      "kind: Netwrok",
      'kind: "Netwrok" is unknown; there are Tenant, Network, QosProfile, Claim, Group, AddressSet, Policy',
    ],
    ["metadata: {}", "kind: is not there; there are Tenant, Network, QosProfile, Claim, Group, AddressSet, Policy"],
    [
      "{ apiVersion: holdfast/v1, kind: Network, metadata: { name: web }, spec: { kind: vlan, cooldown: 5 } }",
      "spec.cooldown: there is no such field in a Network",
    ],
    [
      "{ apiVersion: holdfast/v1, kind: Network, metadata: { name: web }, spec: { kind: vlan, subnets: [{ prefix: 10.0.0.0/8, range: 1 }] } }",
      "spec.subnets.0.range: there is no such field in a Network",
    ],
    [
      "{ apiVersion: holdfast/v1, kind: Tenant, metadata: { name: blue }, spec: { quotas: { adresses: 1 } } }",
      "spec.quotas.adresses: there is no such field in a Tenant",
    ],
    [
      "{ apiVersion: holdfast/v1, kind: Claim, metadata: { name: a } }",
      "metadata.network or spec.selector: exactly one of them",
    ],
    [
      "{ apiVersion: holdfast/v1, kind: Claim, metadata: { name: a, network: web }, spec: { selector: a=b } }",
      "metadata.network or spec.selector: exactly one of them",
    ],
  ] as const)("%s is refused by name", ([text, message]) => {
    expect(() => parseDocuments("f", text)).toThrow(`f, document 1: ${message}`);
  });
});

describe("a Kubernetes NetworkPolicy", () => {
  const NETWORK_POLICY = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: db, namespace: prod, uid: 7, annotations: { holdfast.io/mode: staged } }
spec:
  podSelector: { matchLabels: { app: db } }
  ingress: [{ from: [{ podSelector: { matchLabels: { app: web } } }], ports: [{ port: 5432 }] }]
`;

  test("is applied as the policy that does the same", async () => {
    const made = { tenant: "default", name: "prod-db", mode: "staged" };
    const policy = {
      ...made,
      tier: "tenant",
      order: 1,
      subject: {},
      isolates: [],
      ingress: [],
      egress: [],
      labels: {},
    };
    const body = { ...policy, createdAt: "2026-11-20T10:00:00.000Z", revision: 1 };
    const { run, seen, screen } = terminal(
      { "POST /v1/tenants/default/policies": { status: 201, body } },
      { f: NETWORK_POLICY },
    );
    expect(await run("apply -f f")).toBe(0);
    expect(screen.out).toContain("policy default/prod-db  created");
    expect(seen.at(-1)?.body).toMatchObject({
      name: "prod-db",
      mode: "staged",
      isolates: ["ingress"],
      ingress: [{ id: "rule-1", action: "allow" }],
    });
    const others = { ...body, labels: { "kubernetes.io/metadata.name": "prod-d", "holdfast.io/network-policy": "b" } };
    const taken = terminal({ "GET /v1/tenants/default/policies/prod-db": { body: others } }, { f: NETWORK_POLICY });
    expect(await taken.run("apply -f f")).toBe(1);
    expect(taken.screen.err).toContain("rename the NetworkPolicy");
  });

  test("is refused by field where it cannot be expressed", () => {
    const named = NETWORK_POLICY.replace("5432", "postgres");
    expect(() => parseDocuments("f", named)).toThrow("f, document 1: spec.ingress.0.ports.0.port: the name postgres");
    const unknown = NETWORK_POLICY.replace("podSelector: { matchLabels: { app: db } }", "podSelectr: {}");
    expect(() => parseDocuments("f", unknown)).toThrow(
      "f, document 1: spec.podSelectr: there is no such field in a NetworkPolicy",
    );
  });
});
