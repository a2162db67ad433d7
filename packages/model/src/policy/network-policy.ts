import { z } from "zod";
import { cidrField } from "../fields.ts";
import { labelSelectorSchema } from "./selector.ts";

/** The label of a pod's claim that says its namespace; Kubernetes gives it to namespaces themselves. */
export const NAMESPACE_LABEL = "kubernetes.io/metadata.name";

/** `networking.k8s.io/v1`, as far as it says something; what is written must be known, so that nothing is passed over. */
const portSchema = z.strictObject({
  protocol: z.enum(["TCP", "UDP", "SCTP"]).default("TCP"),
  /** A number, or the name of a container's port. */
  port: z.union([z.int().min(1).max(65_535), z.string()]).optional(),
  endPort: z.int().min(1).max(65_535).optional(),
});
export type NetworkPolicyPort = z.output<typeof portSchema>;

const peerSchema = z.strictObject({
  podSelector: labelSelectorSchema.optional(),
  namespaceSelector: labelSelectorSchema.optional(),
  ipBlock: z.strictObject({ cidr: cidrField, except: z.array(cidrField).max(64).optional() }).optional(),
});
export type NetworkPolicyPeer = z.output<typeof peerSchema>;

const ingressSchema = z.strictObject({ from: z.array(peerSchema).optional(), ports: z.array(portSchema).optional() });
const egressSchema = z.strictObject({ to: z.array(peerSchema).optional(), ports: z.array(portSchema).optional() });

/** Without members that are null, which Kubernetes reads as not there: YAML like `matchLabels:` with nothing behind it. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([k, v]) => (v === null ? [] : [[k, withoutNulls(v)]])));
}

const documentShape = z.strictObject({
  apiVersion: z.literal("networking.k8s.io/v1"),
  kind: z.literal("NetworkPolicy"),
  metadata: z.object({
    name: z.string().min(1),
    namespace: z.string().min(1).default("default"),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: z.strictObject({
    podSelector: labelSelectorSchema.default({}),
    policyTypes: z.array(z.enum(["Ingress", "Egress"])).optional(),
    ingress: z.array(ingressSchema).optional(),
    egress: z.array(egressSchema).optional(),
  }),
  status: z.unknown().optional(),
});

/** A Kubernetes NetworkPolicy document, e.g. of `kubectl get networkpolicy web -o yaml`. */
export const networkPolicySchema = z.preprocess(withoutNulls, documentShape);
export type NetworkPolicy = z.output<typeof networkPolicySchema>;
