import { listAll } from "@holdfast/client";
import { Cidr, IpAddress } from "@holdfast/core";
import { type Claim, problemToError, routes } from "@holdfast/model";
import { differences, isSame, unchangeable } from "./changes.ts";
import type { Written } from "./documents.ts";
import { type Applied, orAbsent, type Target } from "./target.ts";

export async function applyClaim(target: Target, written: Written<"Claim">): Promise<Applied> {
  const { metadata, spec } = written.document;
  const { tenant, network, name } = metadata;
  const document = `claim ${tenant}/${network === undefined ? "" : `${network}/`}${name}`;
  const existing = network === undefined ? await anywhere(target, written) : await inNetwork(target, network, written);
  if (existing === undefined) return create(target, written, document);
  checkFixed(document, existing, written);
  const patch = {
    ...(written.says("metadata", "labels") ? { labels: metadata.labels } : {}),
    ...(written.says("spec", "retention") ? { retention: spec.retention } : {}),
    ...(written.says("spec", "qos") ? { qos: spec.qos } : {}),
  };
  const changes = [
    ...differences("labels", existing.labels, patch.labels ?? existing.labels),
    ...differences("retention", existing.retention, patch.retention ?? existing.retention),
    ...differences("qos", existing.qos, patch.qos ?? existing.qos),
  ];
  if (changes.length === 0) return { document, outcome: "unchanged", changes };
  const request = { params: { tenant, network: existing.network, identity: name }, body: patch };
  const conditional = { ...target.call, ifMatch: existing.revision };
  if (!target.dryRun) await target.client.call(routes.updateClaim, request, conditional);
  return { document, outcome: "changed", changes };
}

function inNetwork(
  { client, call }: Target,
  network: string,
  { document }: Written<"Claim">,
): Promise<Claim | undefined> {
  const { tenant, name } = document.metadata;
  return orAbsent(client.call(routes.getClaim, { params: { tenant, network, identity: name } }, call));
}

/** In any of the networks with the labels. */
async function anywhere(target: Target, written: Written<"Claim">): Promise<Claim | undefined> {
  const { metadata, spec } = written.document;
  const query = { tenant: metadata.tenant, selector: spec.selector };
  for await (const { name } of listAll(target.client, routes.listNetworks, { query }, target.call)) {
    const found = await inNetwork(target, name, written);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function create(target: Target, written: Written<"Claim">, document: string): Promise<Applied> {
  const { client, call, dryRun } = target;
  const { metadata, spec } = written.document;
  const { tenant, network } = metadata;
  const { selector, ...wanted } = spec;
  const body = { ...wanted, identity: metadata.name, labels: metadata.labels };
  if (dryRun) return { document, outcome: "created", changes: await tryOut(target, network, { tenant, body }) };
  const made =
    network === undefined
      ? await client.call(routes.createTenantClaim, { params: { tenant }, body: { ...body, selector } }, call)
      : await client.call(routes.createClaim, { params: { tenant, network }, body }, call);
  return { document, outcome: "created", changes: [addressText(made)] };
}

/** @throws HoldfastError like the request itself. */
async function tryOut(
  { client, call, made }: Target,
  network: string | undefined,
  {
    tenant,
    body,
  }: { readonly tenant: string; readonly body: Written<"Claim">["document"]["spec"] & { identity: string } },
): Promise<string[]> {
  if (network === undefined || made.has(`${tenant}/${network}`)) return [];
  const request = { params: { tenant, network }, body: { dryRun: true, items: [body] } };
  const { results } = await client.call(routes.createClaims, request, call);
  const [result] = results;
  if (result?.outcome === "refused") throw problemToError(result.problem);
  return result?.outcome === "done" ? [addressText(result.claim)] : [];
}

function addressText({ addresses }: Claim): string {
  return addresses.join(",");
}

/** What an existing claim has must be what the document asks for. @throws HoldfastError `conflict`. */
function checkFixed(object: string, claim: Claim, { document: { spec }, says }: Written<"Claim">): void {
  const fail = (field: string, is: unknown, wanted: unknown) =>
    unchangeable(object, { field, is, wanted }, "release the claim first");
  if (spec.addresses !== undefined && !isSame(claim.addresses, spec.addresses)) {
    throw fail("addresses", claim.addresses, spec.addresses);
  }
  if (says("spec", "group") && claim.group !== spec.group) throw fail("group", claim.group, spec.group);
  if (spec.count !== undefined) {
    const families = Object.values(Object.groupBy(claim.addresses, IpAddress.family));
    const other = families.find((ofFamily) => ofFamily.length !== spec.count);
    if (other !== undefined) throw fail("count", other.length, spec.count);
  }
  const { subnet, range } = spec;
  const isInside = (address: IpAddress) =>
    (subnet === undefined || Cidr.contains(subnet, address)) && (range === undefined || isBetween(address, range));
  const outside = claim.addresses.find((address) => !isInside(address));
  if (outside !== undefined) throw fail(range === undefined ? "subnet" : "range", outside, range ?? subnet);
}

function isBetween(
  address: IpAddress,
  { first, last }: { readonly first: IpAddress; readonly last: IpAddress },
): boolean {
  if (IpAddress.family(address) !== IpAddress.family(first)) return false;
  const value = IpAddress.toBigInt(address);
  return IpAddress.toBigInt(first) <= value && value <= IpAddress.toBigInt(last);
}
