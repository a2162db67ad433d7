import { HoldfastError } from "@holdfast/core";
import {
  type LabelSelector,
  NAMESPACE_LABEL,
  type NetworkPolicy,
  type NetworkPolicyPeer,
  type NetworkPolicyPort,
  type Peer,
  type PolicyRule,
  type PolicyService,
} from "@holdfast/model";

/** The label of a policy that says which NetworkPolicy it comes from. */
export const ORIGIN_LABEL = "holdfast.io/network-policy";

/** A document of kind Policy, before parsing. */
export interface TranslatedPolicy {
  readonly apiVersion: "holdfast/v1";
  readonly kind: "Policy";
  readonly metadata: {
    readonly name: string;
    readonly tenant: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly mode: string;
    readonly subject: { readonly selector: LabelSelector };
    readonly isolates: readonly ("ingress" | "egress")[];
    readonly ingress: readonly PolicyRule[];
    readonly egress: readonly PolicyRule[];
  };
}

/** None and no list mean the same: ingress, and egress when there are rules of it (SetDefaults_NetworkPolicy of Kubernetes). */
function policyTypesOf({ policyTypes = [], egress = [] }: NetworkPolicy["spec"]): readonly string[] {
  if (policyTypes.length > 0) return policyTypes;
  return egress.length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
}

/**
 * The policy that does what a Kubernetes NetworkPolicy does: its rules allow, and it isolates its pods in the directions that it is about. Pods are claims
 * whose labels are those of the pod, and {@link NAMESPACE_LABEL}. The annotations `holdfast.io/tenant` and `holdfast.io/mode` say the tenant (else
 * `default`) and the mode (else `enforced`).
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
 * @throws HoldfastError `invalid_argument` with the field that cannot be expressed.
 */
export function translateNetworkPolicy({ metadata, spec }: NetworkPolicy): TranslatedPolicy {
  const { name, namespace, annotations } = metadata;
  const policyName = `${namespace}-${name}`;
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(policyName)) {
    throw refused(
      "metadata.name",
      `the policy would be called ${policyName}, which is no DNS label of at most 63 characters`,
    );
  }
  const types = policyTypesOf(spec);
  const rules = (direction: "ingress" | "egress") =>
    types.includes(direction === "ingress" ? "Ingress" : "Egress") ? rulesOf(spec, direction, namespace) : [];
  return {
    apiVersion: "holdfast/v1",
    kind: "Policy",
    metadata: {
      name: policyName,
      tenant: annotations["holdfast.io/tenant"] ?? "default",
      labels: { [NAMESPACE_LABEL]: namespace, [ORIGIN_LABEL]: name },
    },
    spec: {
      mode: annotations["holdfast.io/mode"] ?? "enforced",
      subject: { selector: inNamespace(spec.podSelector, namespace) },
      isolates: types.map((type) => (type === "Ingress" ? "ingress" : "egress")),
      ingress: rules("ingress"),
      egress: rules("egress"),
    },
  };
}

function rulesOf(spec: NetworkPolicy["spec"], direction: "ingress" | "egress", namespace: string): PolicyRule[] {
  const written =
    direction === "ingress"
      ? (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports, side: "from" }))
      : (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports, side: "to" }));
  return written.map(({ peers = [], ports = [], side }, index) => {
    const field = `spec.${direction}.${index}`;
    const ours = peers.map((peer, place) => peerOf(peer, namespace, `${field}.${side}.${place}`));
    const services = ports.map((port, place) => serviceOf(port, `${field}.ports.${place}`));
    return {
      id: `rule-${index + 1}`,
      action: "allow",
      // Empty means everybody, and every port.
      ...(ours.length === 0 ? {} : { peers: ours }),
      ...(services.length === 0 ? {} : { services }),
    };
  });
}

function peerOf(
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
  namespace: string,
  field: string,
): Peer {
  if (ipBlock !== undefined) {
    if (podSelector !== undefined || namespaceSelector !== undefined) {
      throw refused(`${field}.ipBlock`, "stands alone, without podSelector and namespaceSelector");
    }
    return { kind: "cidr", ...ipBlock };
  }
  if (namespaceSelector !== undefined) {
    const namespaces = namespaceConditions(namespaceSelector, `${field}.namespaceSelector`);
    return { kind: "selector", selector: both(podSelector ?? {}, namespaces) };
  }
  if (podSelector === undefined) throw refused(field, "needs a podSelector, a namespaceSelector or an ipBlock");
  return { kind: "selector", selector: inNamespace(podSelector, namespace) };
}

function inNamespace(selector: LabelSelector, namespace: string): LabelSelector {
  return both(selector, [{ key: NAMESPACE_LABEL, operator: "In", values: [namespace] }]);
}

/** Of a namespace, claims say the name and nothing else. */
function namespaceConditions(selector: LabelSelector, field: string): NonNullable<LabelSelector["matchExpressions"]> {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const foreign =
    Object.keys(matchLabels).find((key) => key !== NAMESPACE_LABEL) ??
    matchExpressions.find(({ key }) => key !== NAMESPACE_LABEL)?.key;
  if (foreign !== undefined) {
    throw refused(
      field,
      `${foreign} cannot be expressed: claims of pods say ${NAMESPACE_LABEL} of their namespace, and no other label of it`,
    );
  }
  const equalities = Object.values(matchLabels).map((value) => ({
    key: NAMESPACE_LABEL,
    operator: "In" as const,
    values: [value],
  }));
  // Whatever the namespace: what has one is a pod.
  return [{ key: NAMESPACE_LABEL, operator: "Exists" }, ...equalities, ...matchExpressions];
}

function both(
  { matchLabels, matchExpressions = [] }: LabelSelector,
  more: NonNullable<LabelSelector["matchExpressions"]>,
): LabelSelector {
  return { ...(matchLabels === undefined ? {} : { matchLabels }), matchExpressions: [...matchExpressions, ...more] };
}

const PROTOCOLS = { TCP: "tcp", UDP: "udp", SCTP: "sctp" } as const;

function serviceOf({ protocol, port, endPort }: NetworkPolicyPort, field: string): PolicyService {
  if (typeof port === "string") {
    throw refused(
      `${field}.port`,
      `the name ${port} cannot be expressed: claims do not say their containers' ports; write its number`,
    );
  }
  if (port === undefined) {
    if (endPort !== undefined) throw refused(`${field}.endPort`, "needs a port");
    return { protocol: PROTOCOLS[protocol] };
  }
  if (endPort === undefined) return { protocol: PROTOCOLS[protocol], ports: [port] };
  if (endPort < port) throw refused(`${field}.endPort`, `${endPort} is less than port ${port}`);
  return { protocol: PROTOCOLS[protocol], ports: [`${port}-${endPort}`] };
}

function refused(field: string, reason: string): HoldfastError {
  return new HoldfastError("invalid_argument", `${field}: ${reason}`, { details: { field } });
}
