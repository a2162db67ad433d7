import { listAll } from "@holdfast/client";
import { routes } from "@holdfast/model";
import { differences } from "./changes.ts";
import type { Written } from "./documents.ts";
import { type Applied, orAbsent, type Target } from "./target.ts";

/** A document says all entries: what is not in it goes. */
export async function applyAddressSet(
  { client, call, dryRun }: Target,
  { document: { metadata, spec }, says }: Written<"AddressSet">,
): Promise<Applied> {
  const { tenant, name } = metadata;
  const params = { tenant, set: name };
  const document = `address set ${tenant}/${name}`;
  const existing = await orAbsent(client.call(routes.getAddressSet, { params }, call));
  if (existing === undefined) {
    const body = { name, entries: spec.entries, labels: metadata.labels };
    if (!dryRun) await client.call(routes.createAddressSet, { params: { tenant }, body }, call);
    return { document, outcome: "created", changes: [`${spec.entries.length} entries`] };
  }
  const there = new Set(await Array.fromAsync(listAll(client, routes.listSetEntries, { params }, call)));
  const wanted = new Set(spec.entries);
  const add = [...wanted].filter((entry) => !there.has(entry));
  const remove = [...there].filter((entry) => !wanted.has(entry));
  const labels = says("metadata", "labels") ? metadata.labels : existing.labels;
  const changes = [
    ...(add.length === 0 ? [] : [`${add.length} entries added`]),
    ...(remove.length === 0 ? [] : [`${remove.length} entries removed`]),
    ...differences("labels", existing.labels, labels),
  ];
  if (changes.length === 0) return { document, outcome: "unchanged", changes };
  const body = { add, remove, labels };
  if (!dryRun) await client.call(routes.updateAddressSet, { params, body }, { ...call, ifMatch: existing.revision });
  return { document, outcome: "changed", changes };
}
