import { routes } from "@holdfast/model";
import { differences } from "./changes.ts";
import type { Written } from "./documents.ts";
import { type Applied, orAbsent, type Target } from "./target.ts";

const NO_QUOTAS = { addresses: null, addressesPerNetwork: null, claims: null, networks: null };

export async function applyTenant(
  { client, call, dryRun }: Target,
  { document: { metadata, spec }, says }: Written<"Tenant">,
): Promise<Applied> {
  const document = `tenant ${metadata.name}`;
  const params = { tenant: metadata.name };
  const existing = await orAbsent(client.call(routes.getTenant, { params }, call));
  if (existing === undefined) {
    if (!dryRun)
      await client.call(
        routes.createTenant,
        { body: { ...metadata, ...spec, policyDefaults: spec.policyDefaults ?? undefined } },
        call,
      );
    return { document, outcome: "created", changes: [] };
  }
  const labels = says("metadata", "labels") ? metadata.labels : existing.labels;
  const {
    quotas = existing.quotas,
    policyDefaults = existing.policyDefaults ?? null,
    sharedWith = existing.sharedWith ?? [],
  } = spec;
  const changes = [
    ...differences("labels", existing.labels, labels),
    ...differences("quotas", existing.quotas, quotas),
    ...differences("policyDefaults", existing.policyDefaults, policyDefaults),
    ...differences("sharedWith", existing.sharedWith ?? [], sharedWith),
  ];
  if (changes.length === 0) return { document, outcome: "unchanged", changes };
  const request = { params, body: { labels, quotas: { ...NO_QUOTAS, ...quotas }, policyDefaults, sharedWith } };
  if (!dryRun) await client.call(routes.updateTenant, request, { ...call, ifMatch: existing.revision });
  return { document, outcome: "changed", changes };
}
