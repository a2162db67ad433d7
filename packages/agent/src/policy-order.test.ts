import { Cidr, Identity, IpAddress, Name, silentLogger, systemClock } from "@holdfast/core";
import type { DatapathDriver } from "@holdfast/datapath";
import { NO_NEWS, NodePolicy, type NodePolicyChange, PolicyBook, PolicyCompiler } from "@holdfast/policy";
import { PlainWorld } from "@holdfast/policy/testing";
import { expect, test } from "vitest";
import type { Book } from "./book.ts";
import type { LocalEndpoint } from "./local-endpoint.ts";
import { createPolicies } from "./policies.ts";
import type { PolicyRecords } from "./policy-records.ts";
import { FakePolicyPath } from "./testing/fake-driver.ts";

const [tenant, network] = [Name.parse("red"), Name.parse("net")];
const member = {
  tenant,
  network,
  identity: Identity.parse("a"),
  labels: {},
  addresses: [IpAddress.parse("10.1.0.1")],
};

test("a program that news bring again stays, though the last endpoint that had it went while they waited", async () => {
  const { node, tell } = controller();
  const gone: ((endpoint: string, successor: undefined) => void)[] = [];
  const endpoints = new Map<string, LocalEndpoint>([["e1", {} as LocalEndpoint]]);
  const book = { endpoints, whenGone: (listener) => void gone.push(listener) } as Partial<Book> as Book;
  const path = new FakePolicyPath();
  const known = new PolicyBook();
  const written = () => Promise.resolve();
  const forgotten: string[] = [];
  const forget = async (endpoint: string): Promise<void> => void forgotten.push(endpoint);
  const records: PolicyRecords = { told: true, put: written, putEndpoint: written, forget };
  const driver = { policy: path } as Partial<DatapathDriver> as DatapathDriver;
  const common = { book, driver, policies: known, records, clock: systemClock, logger: silentLogger };
  const policies = createPolicies({ ...common, rewire: written });
  const { signal } = new AbortController();

  node.setEndpoint("e1", member);
  await policies.take(tell(), true, signal);
  node.removeEndpoint("e1");
  await policies.take(tell(), false, signal);
  const [program] = path.path.programs.keys();
  expect(program).toBeDefined();

  node.setEndpoint("e2", member);
  const waiting = policies.take(tell(), false, signal);
  endpoints.delete("e1");
  for (const listener of gone) listener("e1", undefined);
  // An agent that dies now would have it for ever.
  expect(forgotten).toEqual(["e1"]);
  await waiting;
  await policies.take(NO_NEWS, false, signal);
  expect(known.everything().programs.map(({ id }) => id)).toEqual([program]);
  expect([...path.path.programs.keys()]).toEqual([program]);
});

/** With a policy for all of a tenant. */
function controller(): { readonly node: NodePolicy; readonly tell: () => NodePolicyChange } {
  const compiler = new PolicyCompiler(new PlainWorld());
  compiler.setTenant({ name: tenant, sharedWith: [] });
  compiler.setNetwork({ tenant, name: network, kind: "routed", prefixes: [Cidr.parse("10.1.0.0/16")] });
  const peers = [{ kind: "cidr" as const, cidr: Cidr.parse("192.0.2.0/24") }];
  compiler.setPolicy({
    tenant,
    name: Name.parse("p"),
    tier: "tenant",
    order: 1000,
    subject: {},
    mode: "enforced",
    isolates: [],
    egress: [],
    ingress: [{ id: "outside", action: "deny", peers }],
  });
  const node = new NodePolicy(compiler);
  const tell = (): NodePolicyChange => {
    node.follow(compiler.take());
    return node.take() ?? NO_NEWS;
  };
  return { node, tell };
}
