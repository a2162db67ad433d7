import { Cidr, Identity, IpAddress, Name } from "@holdfast/core";
import { NO_NEWS, NodePolicy, type NodePolicyChange, PolicyCompiler } from "@holdfast/policy";
import { PlainWorld } from "@holdfast/policy/testing";

const [tenant, network] = [Name.parse("red"), Name.parse("net")];
/** Of that tenant. */
export const MEMBER = {
  tenant,
  network,
  identity: Identity.parse("a"),
  labels: {},
  addresses: [IpAddress.parse("10.1.0.1")],
};

/** What tells one node of its endpoints, with a policy for all of a tenant. */
export function policyController(): { readonly node: NodePolicy; readonly tell: () => NodePolicyChange } {
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
