import type { BulkResult, BulkResults, Operation, Progress } from "@holdfast/model";
import type { Idempotency, IdempotentRequest } from "../state/idempotency.ts";
import type { OperationRecords } from "./operation-records.ts";

/** What has become of some items of a bulk request. */
export interface OperationResults {
  readonly items: readonly BulkResult[];
  /** Where to go on. Absent: there is no more. */
  readonly continue?: string;
}

/** How the work of an operation is recognised when it is done again. */
export function onceFor(id: string): IdempotentRequest {
  return { route: "operation", key: id, fingerprint: id };
}

/** Of a request that has items: nothing is done yet. */
export function initialProgress(body: unknown): { readonly progress?: Progress } {
  const { items } = (body ?? {}) as { readonly items?: unknown };
  return Array.isArray(items) ? { progress: { total: items.length, done: 0, refused: 0, skipped: 0 } } : {};
}

/** Of what was tried out only, or refused as a whole, nothing was noted on the way. */
export function finalProgress({ progress }: Operation, result: unknown): { readonly progress?: Progress } {
  if (progress === undefined) return {};
  const { done, refused, skipped } = result as BulkResults;
  return { progress: { total: progress.total, done, refused, skipped } };
}

/** The parts in which a bulk request was committed, one for each call, are kept for when it is done again. */
export async function resultsOf(
  { records, idempotency }: { readonly records: OperationRecords; readonly idempotency: Idempotency },
  id: string,
  from: number,
): Promise<OperationResults> {
  // In this order: what has ended has all its parts.
  const operation = await records.get(id);
  if (operation.progress === undefined) return { items: [] };
  const part = await idempotency.earlierAnswer({ ...onceFor(id), key: `${id}/${from}` });
  if (part === undefined) return partless(operation, from);
  const items = (part.result as readonly BulkResult[]).map((one) => madeAt(operation, part.revision, one));
  const next = from + items.length;
  return next < operation.progress.total ? { items, continue: String(next) } : { items };
}

/** Not that far yet; or at its end, and what it answers was never committed. */
function partless({ finishedAt, result }: Operation, from: number): OperationResults {
  if (finishedAt === undefined) return { items: [], continue: String(from) };
  return { items: from === 0 ? ((result as BulkResults | undefined)?.results ?? []) : [] };
}

function madeAt({ operation }: Operation, revision: number, result: BulkResult): BulkResult {
  if (operation !== "createClaims" || result.outcome !== "done") return result;
  return { ...result, claim: { ...result.claim, revision } };
}
