import { routes } from "@holdfast/model";
import { differences } from "./changes.ts";
import type { Written } from "./documents.ts";
import { type Applied, orAbsent, type Target } from "./target.ts";

export async function applyGroup(
  { client, call, dryRun }: Target,
  { document, says }: Written<"Group">,
): Promise<Applied> {
  const { metadata, spec } = document;
  const { tenant, name } = metadata;
  const params = { tenant, group: name };
  const named = `group ${tenant}/${name}`;
  const existing = await orAbsent(client.call(routes.getGroup, { params }, call));
  if (existing === undefined) {
    const body = { ...spec, name, labels: metadata.labels };
    if (!dryRun) await client.call(routes.createGroup, { params: { tenant }, body }, call);
    return { document: named, outcome: "created", changes: [] };
  }
  const labels = says("metadata", "labels") ? metadata.labels : existing.labels;
  const sharedWith = says("spec", "sharedWith") ? spec.sharedWith : existing.sharedWith;
  const { selector, identities, networks, qos } = spec;
  const wanted = { selector, identities, networks, qos, sharedWith, labels };
  const changes = Object.entries(wanted).flatMap(([field, value]) =>
    differences(field, existing[field as keyof typeof wanted], value),
  );
  if (changes.length === 0) return { document: named, outcome: "unchanged", changes };
  const body = {
    ...wanted,
    selector: selector ?? null,
    identities: identities ?? null,
    networks: networks ?? null,
    qos: qos ?? null,
  };
  if (!dryRun) await client.call(routes.updateGroup, { params, body }, { ...call, ifMatch: existing.revision });
  return { document: named, outcome: "changed", changes };
}
