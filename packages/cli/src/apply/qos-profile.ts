import { routes } from "@holdfast/model";
import { differences } from "./changes.ts";
import type { Written } from "./documents.ts";
import { type Applied, orAbsent, type Target } from "./target.ts";

export async function applyQosProfile(
  { client, call, dryRun }: Target,
  { document, says }: Written<"QosProfile">,
): Promise<Applied> {
  const { metadata, spec } = document;
  const { tenant, name } = metadata;
  const params = { tenant, profile: name };
  const named = `QoS profile ${tenant}/${name}`;
  const existing = await orAbsent(client.call(routes.getQosProfile, { params }, call));
  if (existing === undefined) {
    const body = { ...spec, name, labels: metadata.labels };
    if (!dryRun) await client.call(routes.createQosProfile, { params: { tenant }, body }, call);
    return { document: named, outcome: "created", changes: [] };
  }
  const { ingress = null, egress = null, connections = null, dscp = null, guarantee = null } = spec;
  const labels = says("metadata", "labels") ? metadata.labels : existing.labels;
  const body = { ingress, egress, connections, dscp, guarantee, labels };
  const changes = Object.entries(body).flatMap(([field, value]) =>
    differences(field, existing[field as keyof typeof body], value),
  );
  if (changes.length === 0) return { document: named, outcome: "unchanged", changes };
  if (!dryRun) {
    await client.call(routes.updateQosProfile, { params, body }, { ...call, ifMatch: existing.revision });
  }
  return { document: named, outcome: "changed", changes };
}
