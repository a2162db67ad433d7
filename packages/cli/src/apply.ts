import { errorText, HoldfastError, isHoldfastError } from "@holdfast/core";
import { type Document, documentSchema, routes } from "@holdfast/model";
import { parseAllDocuments } from "yaml";
import type { Context } from "./context.ts";

/** What became of one document. */
export interface Applied {
  readonly document: string;
  readonly outcome: "created" | "changed" | "unchanged";
}

/**
 * Parses a file of several YAML or JSON documents. Nothing is applied unless all of it is right.
 *
 * @throws HoldfastError `invalid_argument` with file, number of the document and field.
 */
export function parseDocuments(file: string, text: string): Document[] {
  const documents = parseAllDocuments(text);
  const found = documents.flatMap((document, index) => {
    const where = `${file}, document ${index + 1}`;
    const [problem] = document.errors;
    if (problem !== undefined) throw new HoldfastError("invalid_argument", `${where}: ${problem.message}`);
    const value: unknown = document.toJS();
    if (value === null || value === undefined) return [];
    const parsed = documentSchema.safeParse(value);
    if (parsed.success) return [parsed.data];
    const [issue] = parsed.error.issues;
    const field = issue?.path.join(".") ?? "";
    throw new HoldfastError("invalid_argument", `${where}: ${field === "" ? "" : `${field}: `}${issue?.message}`);
  });
  if (found.length === 0) throw new HoldfastError("invalid_argument", `${file} holds no document`);
  return found;
}

/** Tenants first, then networks, then claims, whatever their order in the file. */
export function inOrder(documents: readonly Document[]): Document[] {
  const rank = { Tenant: 0, Network: 1, Claim: 2 } as const;
  return [...documents].sort((a, b) => rank[a.kind] - rank[b.kind]);
}

/** Brings one document about; with `dryRun` only says what would be done. */
export async function applyDocument(context: Context, document: Document, dryRun: boolean): Promise<Applied> {
  switch (document.kind) {
    case "Tenant":
      return applyTenant(context, document, dryRun);
    case "Network":
      return applyNetwork(context, document, dryRun);
    case "Claim":
      return applyClaim(context, document, dryRun);
  }
}

const NO_QUOTAS = { addresses: null, addressesPerNetwork: null, claims: null, networks: null };

type DocumentOf<K extends Document["kind"]> = Extract<Document, { kind: K }>;

async function applyTenant(
  { client, call }: Context,
  { metadata, spec }: DocumentOf<"Tenant">,
  dryRun: boolean,
): Promise<Applied> {
  const document = `tenant ${metadata.name}`;
  const params = { tenant: metadata.name };
  const existing = await orAbsent(client.call(routes.getTenant, { params }, call));
  if (existing === undefined) {
    if (!dryRun) await client.call(routes.createTenant, { body: { ...metadata, ...spec } }, call);
    return { document, outcome: "created" };
  }
  const { quotas = existing.quotas ?? {} } = spec;
  if (same(existing.labels, metadata.labels) && same(existing.quotas ?? {}, quotas)) {
    return { document, outcome: "unchanged" };
  }
  const request = { params, body: { labels: metadata.labels, quotas: { ...NO_QUOTAS, ...quotas } } };
  if (!dryRun) await client.call(routes.updateTenant, request, { ...call, ifMatch: existing.revision });
  return { document, outcome: "changed" };
}

async function applyNetwork(
  { client, call }: Context,
  { metadata, spec }: DocumentOf<"Network">,
  dryRun: boolean,
): Promise<Applied> {
  const document = `network ${metadata.tenant}/${metadata.name}`;
  const params = { tenant: metadata.tenant, network: metadata.name };
  const existing = await orAbsent(client.call(routes.getNetwork, { params }, call));
  if (existing === undefined) {
    const body = { ...spec, name: metadata.name, labels: metadata.labels };
    if (!dryRun) await client.call(routes.createNetwork, { params: { tenant: metadata.tenant }, body }, call);
    return { document, outcome: "created" };
  }
  const fixed = existing.kind !== spec.kind || (spec.segment !== undefined && spec.segment !== existing.segment);
  if (fixed) {
    const message = `${document} is ${existing.kind} ${existing.segment}; kind and segment cannot change, delete it first`;
    throw new HoldfastError("conflict", message);
  }
  const known = new Set<string>(existing.subnets.map(({ prefix }) => prefix));
  const missing = spec.subnets.filter(({ prefix }) => !known.has(prefix));
  const patch = {
    labels: metadata.labels,
    docker: spec.docker,
    cooldownSeconds: spec.cooldownSeconds,
    mtu: spec.mtu ?? existing.mtu,
    ...(spec.nodeBlocks === undefined && existing.nodeBlocks === undefined
      ? {}
      : { nodeBlocks: spec.nodeBlocks ?? null }),
  };
  const patched = Object.entries(patch).some(
    ([key, value]) => !same(existing[key as keyof typeof patch] ?? null, value),
  );
  if (!patched && missing.length === 0) return { document, outcome: "unchanged" };
  if (!dryRun && patched) {
    await client.call(routes.updateNetwork, { params, body: patch }, { ...call, ifMatch: existing.revision });
  }
  for (const subnet of dryRun ? [] : missing) await client.call(routes.addSubnet, { params, body: subnet }, call);
  return { document, outcome: "changed" };
}

async function applyClaim(
  { client, call }: Context,
  { metadata, spec }: DocumentOf<"Claim">,
  dryRun: boolean,
): Promise<Applied> {
  const { tenant, network, name, labels } = metadata;
  const document = `claim ${tenant}/${network}/${name}`;
  const params = { tenant, network, identity: name };
  const existing = await orAbsent(client.call(routes.getClaim, { params }, call));
  if (existing === undefined) {
    const body = { ...spec, identity: name, labels };
    if (!dryRun) await client.call(routes.createClaim, { params: { tenant, network }, body }, call);
    return { document, outcome: "created" };
  }
  const moved = spec.addresses?.find((address) => !existing.addresses.includes(address));
  if (moved !== undefined) {
    const message = `${document} has ${existing.addresses.join(" and ")}, not ${moved}; release it first`;
    throw new HoldfastError("conflict", message);
  }
  if (same(existing.labels, labels) && same(existing.retention, spec.retention))
    return { document, outcome: "unchanged" };
  const request = { params, body: { labels, retention: spec.retention } };
  if (!dryRun) await client.call(routes.updateClaim, request, { ...call, ifMatch: existing.revision });
  return { document, outcome: "changed" };
}

async function orAbsent<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (isHoldfastError(error, "not_found")) return undefined;
    throw error;
  }
}

function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "";
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${key}:${canonical(inner)}`).join(",")}}`;
}

/** Applies all documents of a text, one after the other. @throws like the first that fails, naming it and how many were done. */
export async function applyText(context: Context, file: string, text: string, dryRun: boolean): Promise<Applied[]> {
  const documents = inOrder(parseDocuments(file, text));
  const done: Applied[] = [];
  for (const document of documents) {
    try {
      done.push(await applyDocument(context, document, dryRun));
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      const name = `${document.kind} ${document.metadata.name}`;
      const progress =
        done.length === 0 ? "nothing was applied" : `${done.length} of ${documents.length} applied before it`;
      throw new HoldfastError(error.code, `${name}: ${errorText(error)} (${progress})`, { details: error.details });
    }
  }
  return done;
}
