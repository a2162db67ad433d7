import { listAll } from "@holdfast/client";
import { type BulkResult, MOST_BULK_ITEMS, type Network, routes } from "@holdfast/model";
import type { Context } from "../context.ts";
import type { ImportPlan, PlannedClaim } from "./plan.ts";

/** What became of rows of the file. */
export interface ImportOutcome {
  readonly places: readonly string[];
  readonly addresses: readonly string[];
  /** Empty when the row could not be read. */
  readonly identity: string;
  /** `tenant/network`; empty when it is not known. */
  readonly network: string;
  /** `unchanged`: it is there already, or is an address that nobody is given anyhow. */
  readonly outcome: "imported" | "unchanged" | "conflict" | "not done";
  readonly detail: string;
}

export interface CarryOut {
  /** Recorded in the ledger, e.g. the name of the file. */
  readonly source: string;
  readonly dryRun: boolean;
  readonly skipConflicts: boolean;
}

/**
 * Tries everything out first; when all is well, or conflicts may be skipped, does it. So nothing is changed when anything is in the way, unless
 * somebody takes an address between the two.
 */
export async function carryOut(context: Context, plan: ImportPlan, terms: CarryOut): Promise<readonly ImportOutcome[]> {
  const unreadable = plan.bad.map(({ place, address, why }): ImportOutcome => {
    return { places: [place], addresses: [address], identity: "", network: "", outcome: "conflict", detail: why };
  });
  const tried = await send(context, plan.claims, { ...terms, dryRun: true });
  const conflicts = [...unreadable, ...tried].some(({ outcome }) => outcome === "conflict");
  if (terms.dryRun) return [...unreadable, ...tried];
  const wanted = plan.claims.filter((_, index) => tried[index]?.outcome === "imported");
  const done = conflicts && !terms.skipConflicts ? wanted.map(notDone) : await send(context, wanted, terms);
  const rest = tried.filter(({ outcome }) => outcome !== "imported");
  return [...unreadable, ...rest, ...done];
}

export async function networksOf({ client, call }: Context): Promise<readonly Network[]> {
  return Array.fromAsync(listAll(client, routes.listNetworks, {}, call));
}

async function send(context: Context, claims: readonly PlannedClaim[], terms: CarryOut): Promise<ImportOutcome[]> {
  const outcomes = new Map<PlannedClaim, ImportOutcome>();
  const groups = Object.groupBy(claims, ({ tenant, network }) => `${tenant}/${network}`);
  for (const group of Object.values(groups)) {
    for (let from = 0; group !== undefined && from < group.length; from += MOST_BULK_ITEMS) {
      const part = group.slice(from, from + MOST_BULK_ITEMS);
      const results = await sendPart(context, part, terms);
      for (const [index, claim] of part.entries()) outcomes.set(claim, outcomeOf(claim, results[index]));
    }
  }
  return claims.map((claim) => outcomes.get(claim) ?? notDone(claim));
}

async function sendPart({ client, call }: Context, part: readonly PlannedClaim[], terms: CarryOut) {
  const [{ tenant, network } = { tenant: "", network: "" }] = part;
  const items = part.map(({ identity, addresses, labels }) => {
    return { identity, addresses: [...addresses], retention: { kind: "reserved" } as const, labels: { ...labels } };
  });
  // Tried out one by one, so that every conflict is told; carried out all or nothing, unless some may be skipped.
  const mode = terms.dryRun || terms.skipConflicts ? "each" : "all";
  const body = { mode, dryRun: terms.dryRun, importedFrom: terms.source, items } as const;
  const { results } = await client.call(routes.createClaims, { params: { tenant, network }, body }, call);
  return results;
}

function outcomeOf(claim: PlannedClaim, result: BulkResult | undefined): ImportOutcome {
  if (result?.outcome === "done") return { ...about(claim), outcome: "imported", detail: "" };
  if (result?.outcome !== "refused") return notDone(claim);
  const { code, detail, details = {} } = result.problem;
  if (code === "already_exists" && sameAddresses(claim, String(details.addresses))) {
    return { ...about(claim), outcome: "unchanged", detail: "is there already" };
  }
  if (code === "address_in_use" && details.reason === "gateway") {
    return { ...about(claim), outcome: "unchanged", detail: "the gateway, which nobody is given" };
  }
  const owner = String(details.identity);
  if (code === "address_in_use" && (owner === claim.base || owner.startsWith(`${claim.base}/`))) {
    return { ...about(claim), outcome: "unchanged", detail: `${owner} has it already` };
  }
  return { ...about(claim), outcome: "conflict", detail };
}

function notDone(claim: PlannedClaim): ImportOutcome {
  return { ...about(claim), outcome: "not done", detail: "because of the conflicts" };
}

function about({ places, addresses, identity, tenant, network }: PlannedClaim) {
  return { places, addresses, identity, network: `${tenant}/${network}` };
}

function sameAddresses({ addresses }: PlannedClaim, present: string): boolean {
  return [...addresses].sort().join(", ") === present.split(", ").sort().join(", ");
}
