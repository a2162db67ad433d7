import { type Network, networkPatchSchema, newSubnetSchema, routes } from "@holdfast/model";
import { differences, isSame, unchangeable } from "./changes.ts";
import type { Written } from "./documents.ts";
import { stepsOfSubnets } from "./subnets.ts";
import { type Applied, orAbsent, type Step, type Target } from "./target.ts";

export async function applyNetwork(target: Target, written: Written<"Network">): Promise<Applied> {
  const { client, call } = target;
  const { metadata } = written.document;
  const document = `network ${metadata.tenant}/${metadata.name}`;
  const params = { tenant: metadata.tenant, network: metadata.name };
  const existing = await orAbsent(client.call(routes.getNetwork, { params }, call));
  if (existing === undefined) return create(target, written, document);
  checkFixed(document, existing, written);
  const steps = [...patchOf(target, existing, written), ...stepsOfSubnets(target, existing, written)];
  await carryOut(target, steps, existing.revision);
  const changes = steps.flatMap((step) => step.changes);
  return { document, outcome: changes.length === 0 ? "unchanged" : "changed", changes };
}

async function create(target: Target, written: Written<"Network">, document: string): Promise<Applied> {
  const { metadata, spec } = written.document;
  target.made.add(`${metadata.tenant}/${metadata.name}`);
  const { nodeBlocks, conflictProbe, retention, policyDefaults, ...rest } = spec;
  // What drains is drained when it is there.
  const subnets = spec.subnets.map((subnet) => newSubnetSchema.strip().parse(subnet));
  const options = {
    nodeBlocks: nodeBlocks ?? undefined,
    conflictProbe: conflictProbe ?? undefined,
    retention: retention ?? undefined,
    policyDefaults: policyDefaults ?? undefined,
  };
  const body = { ...rest, ...options, subnets, name: metadata.name, labels: metadata.labels };
  if (!target.dryRun) {
    const { client, call } = target;
    const made = await client.call(routes.createNetwork, { params: { tenant: metadata.tenant }, body }, call);
    await carryOut(target, stepsOfSubnets(target, made, written), made.revision);
  }
  return { document, outcome: "created", changes: [] };
}

async function carryOut({ call, dryRun }: Target, steps: readonly Step[], revision: number): Promise<void> {
  let ifMatch = revision;
  for (const step of dryRun ? [] : steps) ({ revision: ifMatch } = await step.run({ ...call, ifMatch }));
}

/** @throws HoldfastError `conflict`. */
function checkFixed(document: string, existing: Network, { document: { spec } }: Written<"Network">): void {
  for (const field of ["kind", "segment"] as const) {
    const wanted = spec[field] ?? existing[field];
    if (wanted === existing[field]) continue;
    throw unchangeable(document, { field, is: existing[field], wanted }, "delete it first");
  }
}

/** Whatever can be set of a network, and is said otherwise. */
function patchOf({ client }: Target, existing: Network, { document, says }: Written<"Network">): Step[] {
  const { metadata, spec } = document;
  const wanted: Readonly<Record<string, unknown>> = { ...spec, labels: metadata.labels };
  const present: Readonly<Record<string, unknown>> = existing;
  const differing = Object.keys(networkPatchSchema.shape)
    .filter((field) => (field === "labels" ? says("metadata", field) : says("spec", field)))
    .filter((field) => !isSame(present[field], wanted[field]));
  if (differing.length === 0) return [];
  const params = { tenant: metadata.tenant, network: metadata.name };
  const body = networkPatchSchema.parse(Object.fromEntries(differing.map((field) => [field, wanted[field]])));
  const changes = differing.flatMap((field) => differences(field, present[field], wanted[field]));
  return [{ changes, run: (conditional) => client.call(routes.updateNetwork, { params, body }, conditional) }];
}
