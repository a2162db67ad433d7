import { NAMESPACE_LABEL, type Policy, routes } from "@holdfast/model";
import { ORIGIN_LABEL } from "@holdfast/policy";
import { isSame, unchangeable } from "./changes.ts";
import type { Written } from "./documents.ts";
import { type Applied, orAbsent, type Target } from "./target.ts";

/** The body that makes a policy of a document. */
export function policyBody({ document: { metadata, spec } }: Written<"Policy">) {
  return { ...spec, name: metadata.name, labels: metadata.labels };
}

export async function applyPolicy({ client, call, dryRun }: Target, written: Written<"Policy">): Promise<Applied> {
  const { tenant, name, labels } = written.document.metadata;
  const { mode, replaces, ...spec } = written.document.spec;
  const params = { tenant, policy: name };
  const document = `policy ${tenant}/${name}`;
  const existing = await orAbsent(client.call(routes.getPolicy, { params }, call));
  if (existing === undefined) {
    if (!dryRun) await client.call(routes.createPolicy, { params: { tenant }, body: policyBody(written) }, call);
    return { document, outcome: "created", changes: [] };
  }
  checkOrigin(document, existing, labels);
  const enforces = existing.mode === "staged" && mode === "enforced";
  if (existing.mode !== mode && !enforces) {
    const remedy = "delete the policy first, or stage another one that replaces it";
    throw unchangeable(document, { field: "spec.mode", is: existing.mode, wanted: mode }, remedy);
  }
  if (existing.replaces !== replaces && !enforces) {
    const is = { field: "spec.replaces", is: existing.replaces, wanted: replaces };
    throw unchangeable(document, is, "delete the staged policy first");
  }
  const wanted = { ...spec, labels: written.says("metadata", "labels") ? labels : existing.labels };
  const changes = changedFields(existing, wanted);
  if (changes.length === 0 && !enforces) return { document, outcome: "unchanged", changes };
  if (!dryRun) {
    let { revision } = existing;
    if (changes.length > 0) {
      ({ revision } = await client.call(routes.updatePolicy, { params, body: wanted }, { ...call, ifMatch: revision }));
    }
    if (enforces) await client.call(routes.enforcePolicy, { params }, { ...call, ifMatch: revision });
  }
  return { document, outcome: "changed", changes: enforces ? [...changes, "mode: staged -> enforced"] : changes };
}

/** Two NetworkPolicies of different namespaces may come to the same name: neither takes the other's place. */
function checkOrigin(document: string, existing: Policy, labels: Policy["labels"]): void {
  const field = [NAMESPACE_LABEL, ORIGIN_LABEL].find((label) => labels[label] !== existing.labels[label]);
  if (field === undefined || labels[ORIGIN_LABEL] === undefined) return;
  const unlike = { field: `metadata.labels.${field}`, is: existing.labels[field], wanted: labels[field] };
  throw unchangeable(document, unlike, "rename the NetworkPolicy: another policy has come to its name");
}

/** The order of rules counts: they are compared as they are written. */
function changedFields(existing: Policy, wanted: Partial<Policy>): string[] {
  return Object.entries(wanted).flatMap(([field, value]) => {
    const is = existing[field as keyof Policy];
    if (field !== "ingress" && field !== "egress") return isSame(is, value) ? [] : [field];
    return JSON.stringify(is) === JSON.stringify(value) ? [] : [field];
  });
}
