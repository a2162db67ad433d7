import { setImmediate as nextTurn } from "node:timers/promises";
import { type HoldfastError, type Identity, isHoldfastError, type Name } from "@holdfast/core";
import {
  type BulkResult,
  type BulkResults,
  type Claim,
  type NewClaims,
  problemOf,
  type Releases,
} from "@holdfast/model";
import type { Platform } from "../platform.ts";
import { requireClaim, requireNetwork } from "../refusals.ts";
import { type Caller, Draft } from "../state/change.ts";
import { checkGivenBack, checkWanted } from "./bulk-size.ts";
import type { ClaimDrafts } from "./claim-drafts.ts";
import { rivalsAmong } from "./rivals.ts";

/** Many claims of one network in one request. What is wrong with an item stands in its result; errors are about the request as a whole. */
export interface BulkClaims {
  /**
   * Makes claims. Exact addresses are taken before any is chosen, so that no choice is in their way; else it goes in the order of the items.
   *
   * @throws HoldfastError `not_found`: there is no such network; `invalid_argument`: too many addresses for one request.
   */
  create(tenant: Name, network: Name, body: NewClaims, caller: Caller): Promise<BulkResults>;
  /** Releases claims. @throws likewise. */
  release(tenant: Name, network: Name, body: Releases, caller: Caller): Promise<BulkResults>;
}

type Terms = Pick<NewClaims, "mode" | "dryRun">;

/** What is to be done for one item of a request. */
interface Task {
  readonly index: number;
  readonly identity: Identity;
  /** Drafts it. @throws HoldfastError when the item is refused. */
  decide(part: Draft): Claim;
}

/**
 * As many items of a request are decided on in one go, and are one commit in mode `each`: few enough that other requests get their turn in between,
 * enough to share the cost of a commit.
 */
const AT_ONCE = 500;

export function createBulkClaims({ state, store, changer }: Platform, drafts: ClaimDrafts): BulkClaims {
  async function run(
    tasks: readonly Task[],
    { mode, dryRun }: Terms,
    { caller, made }: { readonly caller: Caller; readonly made: boolean },
  ): Promise<BulkResults> {
    // A refused item is not decided on again, so that the decision must have seen what was acknowledged before.
    await state.reached(await store.revision());
    // Reading, deciding, writing and answering take long for thousands of items: others get a turn in between.
    await nextTurn();
    const results = new Array<BulkResult>(tasks.length);
    let counts = NONE;
    const step = mode === "all" || dryRun ? tasks.length : AT_ONCE;
    for (let from = 0; from < tasks.length; from += step) {
      const together = tasks.slice(from, from + step);
      const { result, revision } = await changer.changeInSlices(
        function* (draft) {
          const decided = yield* decideTogether(draft, together, { mode, dryRun });
          if (decided.committed)
            caller.progress?.(draft, { total: tasks.length, ...countsOf(decided.results, counts) });
          return decided.results;
        },
        callerOfPart(caller, from),
      );
      counts = countsOf(result, counts);
      for (const [place, task] of together.entries()) {
        const outcome = result[place];
        if (outcome !== undefined) results[task.index] = made && !dryRun ? atRevision(outcome, revision) : outcome;
      }
    }
    await nextTurn();
    return { dryRun, ...counts, results };
  }

  return {
    async create(tenant, name, body, caller) {
      checkWanted(requireNetwork(state, tenant, name).record, body.items);
      const rivals = rivalsAmong(body.items);
      const tasks = body.items.map((item, index) => ({
        index,
        identity: item.identity,
        decide(part: Draft) {
          const { network, record } = requireNetwork(state, tenant, name);
          refuse(rivals.get(index));
          const claim = drafts.make(part, network, record, {
            ...item,
            ...whoOf(caller),
            importedFrom: body.importedFrom,
          });
          drafts.put(part, claim);
          return claim;
        },
      }));
      const { exact = [], chosen = [] } = Object.groupBy(tasks, ({ index }) =>
        body.items[index]?.addresses === undefined ? "chosen" : "exact",
      );
      return run([...exact, ...chosen], body, { caller, made: true });
    },

    async release(tenant, name, body, caller) {
      checkGivenBack(requireNetwork(state, tenant, name).network, body.items);
      const rivals = rivalsAmong(body.items);
      const tasks = body.items.map(({ identity, revision }, index) => ({
        index,
        identity,
        decide(part: Draft) {
          refuse(rivals.get(index));
          const claim = requireClaim(state, { tenant, network: name, identity });
          drafts.release(part, claim, { ...whoOf(caller), ifMatch: revision });
          return claim;
        },
      }));
      return run(tasks, body, { caller, made: false });
    },
  };
}

interface Decided {
  readonly results: BulkResult[];
  /** Whether the draft is to be committed. */
  readonly committed: boolean;
}

function* decideTogether(draft: Draft, tasks: readonly Task[], { mode, dryRun }: Terms): Generator<void, Decided> {
  const results: BulkResult[] = [];
  for (const [place, task] of tasks.entries()) {
    if (place > 0 && place % AT_ONCE === 0) yield;
    results.push(tryOut(draft, task));
  }
  const spoilt = mode === "all" && results.some(({ outcome }) => outcome === "refused");
  if (spoilt || dryRun) draft.abandon();
  return { results: spoilt ? results.map(skipped) : results, committed: !spoilt && !dryRun };
}

function skipped(result: BulkResult): BulkResult {
  return result.outcome === "done" ? { outcome: "skipped", identity: result.claim.identity } : result;
}

/** A refused item leaves nothing in the draft. */
function tryOut(draft: Draft, { identity, decide }: Task): BulkResult {
  const part = new Draft(draft);
  try {
    const claim = decide(part);
    draft.include(part);
    return { outcome: "done", claim };
  } catch (error) {
    part.abandon();
    if (!isHoldfastError(error)) throw error;
    return { outcome: "refused", identity, problem: problemOf(error) };
  }
}

function refuse(error: HoldfastError | undefined): void {
  if (error !== undefined) throw error;
}

/** The parts of one request are answered each by itself when the request comes again. */
function callerOfPart(caller: Caller, from: number): Caller {
  const { idempotency } = caller;
  if (idempotency === undefined) return whoOf(caller);
  return { ...whoOf(caller), idempotency: { ...idempotency, key: `${idempotency.key}/${from}` } };
}

function whoOf({ actor, requestId }: Caller): Caller {
  return { actor, requestId };
}

function atRevision(result: BulkResult, revision: number): BulkResult {
  return result.outcome === "done" ? { ...result, claim: { ...result.claim, revision } } : result;
}

type Counts = Record<BulkResult["outcome"], number>;

const NONE: Counts = { done: 0, refused: 0, skipped: 0 };

function countsOf(results: readonly BulkResult[], before: Counts): Counts {
  const counts = { ...before };
  for (const { outcome } of results) counts[outcome]++;
  return counts;
}
