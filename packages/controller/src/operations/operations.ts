import { type Clock, errorText, HoldfastError, isHoldfastError, type Logger } from "@holdfast/core";
import { type Operation, problemOf } from "@holdfast/model";
import { type Platform, timestamp } from "../platform.ts";
import type { Caller, NoteProgress } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import { createOperationRecords, type StoredRequest, tenantOf } from "./operation-records.ts";
import { finalProgress, initialProgress, type OperationResults, onceFor, resultsOf } from "./progress.ts";
import { TurnsOfTenants } from "./turns-of-tenants.ts";

/** Does what a request asks for, and gives what it is to be answered with. */
export type Perform = (request: StoredRequest, caller: Caller) => Promise<unknown>;

/** Requests that are accepted now and done later, once, whatever happens to the controller. */
export interface Operations {
  /**
   * Resolves when the request is durable: it will be done, unless it is cancelled before.
   *
   * @throws HoldfastError `too_many_requests` when too many of the tenant's are pending.
   */
  accept(request: StoredRequest & { readonly path: string }, caller: Caller): Promise<Operation>;
  /** @throws HoldfastError `not_found`. */
  get(id: string): Promise<Operation>;
  /**
   * Resolves when it has ended, when it is at a later revision than `after` says, or after these milliseconds, with what it is by then.
   *
   * @throws HoldfastError `not_found`.
   */
  wait(id: string, milliseconds: number, after?: number): Promise<Operation>;
  /** What has become of the items of a bulk request, as far as it is durable, from that many on. @throws HoldfastError `not_found`. */
  results(id: string, from: number): Promise<OperationResults>;
  /** Cancelling what is cancelled is no error. @throws HoldfastError `not_found`; `conflict`: it has begun. */
  cancel(id: string): Promise<Operation>;
  /** Works off what is accepted, beginning with what a controller before had not finished. Resolves when the signal is aborted and all is at rest. */
  run(perform: Perform, signal: AbortSignal): Promise<void>;
}

const AT_ONCE = 4;
const MOST_PENDING = 1000;
const RETRY_MILLISECONDS = 1000;
/** How often to look for what another controller has accepted and not done: it may have died. */
const ROUND_MILLISECONDS = 60_000;

export function createOperations(platform: Platform, nonce: string): Operations {
  const { store, changer, idempotency, clock, logger }: Platform & { clock: Clock; logger: Logger } = platform;
  const records = createOperationRecords(store, idempotency);
  const turns = new TurnsOfTenants();
  const tenants: ReadonlyMap<string, unknown> = platform.state.tenants;
  const known = new Set<string>();
  /** Begun here, or taken over because nobody was at it any more. */
  const ours = new Set<string>();
  /** Running elsewhere when last looked for, by the revision that they had: who is there unchanged the next time has been abandoned. */
  const seenRunning = new Map<string, number>();
  let count = 0;
  let wake = Promise.withResolvers<void>();

  function enqueue(tenant: string, id: string): void {
    if (known.has(id)) return;
    known.add(id);
    turns.add(tenant, id);
    wake.resolve();
    wake = Promise.withResolvers();
  }

  /** Names that are no tenants share one line. */
  function lineOf(tenant: string | undefined): string {
    return tenant !== undefined && tenants.has(tenant) ? tenant : "";
  }

  /** A repeated request with an idempotency key is answered with the operation of the first. */
  async function isFinished(id: string): Promise<boolean> {
    return (await records.requestOf(id)) === undefined;
  }

  function newId(): string {
    count++;
    return `op-${clock.now().getTime().toString(36).padStart(9, "0")}-${nonce}-${count.toString(36).padStart(6, "0")}`;
  }

  /** Whoever begins it does it; what is running already is gone on with when it is ours: doing it twice does it once. */
  async function begin(id: string): Promise<Operation | undefined> {
    for (;;) {
      const operation = await records.get(id);
      if (operation.state !== "pending") return operation.state === "running" && ours.has(id) ? operation : undefined;
      const begun = await records.change(operation, { ...operation, state: "running", startedAt: timestamp(clock) });
      if (begun === undefined) continue;
      ours.add(id);
      return begun;
    }
  }

  /** While it runs, nothing but its progress changes; its end takes the request away, and whoever is still at it then gets no further. */
  function progressOf(operation: Operation, requestRevision: number): NoteProgress {
    return (draft, progress) => {
      draft.expect(keys.operationRequest(operation.id), requestRevision);
      draft.put(keys.operation(operation.id), { ...operation, progress });
    };
  }

  async function outcomeOf(
    operation: Operation,
    { revision, ...request }: StoredRequest & { readonly revision: number },
    perform: Perform,
  ): Promise<Partial<Operation>> {
    const { id } = operation;
    // Kept in the commit that does the work: who comes after a crash finds it done.
    const once = onceFor(id);
    try {
      const progress = operation.progress && progressOf(operation, revision);
      const result = await perform(request, { ...request.caller, idempotency: once, progress });
      return { state: "done", ...(result === undefined ? {} : { result }), ...finalProgress(operation, result) };
    } catch (error) {
      if (isHoldfastError(error, "unavailable")) throw error;
      // Refused because it is done: another controller was at it, too.
      const earlier = await idempotency.earlierAnswer(once);
      if (earlier !== undefined)
        return { state: "done", result: await perform(request, { ...request.caller, idempotency: once }) };
      if (!isHoldfastError(error)) logger.error("operation failed", { operation: id, error: errorText(error) });
      const known = isHoldfastError(error)
        ? error
        : new HoldfastError("internal", "the controller has a fault; its log says more", { cause: error });
      return { state: "failed", problem: problemOf(known) };
    }
  }

  async function finish(id: string, outcome: Partial<Operation>): Promise<void> {
    for (;;) {
      const operation = await records.get(id);
      if (operation.finishedAt !== undefined) return;
      const ended = { ...operation, ...outcome, finishedAt: timestamp(clock) };
      if ((await records.change(operation, ended)) !== undefined) return;
    }
  }

  async function work(id: string, perform: Perform): Promise<void> {
    const request = await records.requestOf(id);
    if (request === undefined) return;
    const operation = await begin(id);
    if (operation !== undefined) await finish(id, await outcomeOf(operation, request, perform));
  }

  async function workUntilDone(id: string, perform: Perform, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await work(id, perform);
        break;
      } catch (error) {
        if (isHoldfastError(error, "not_found")) break;
        logger.warn("operation not finished; trying again", { operation: id, error: errorText(error) });
        await clock.wait(RETRY_MILLISECONDS, signal).catch(() => undefined);
      }
    }
    known.delete(id);
    ours.delete(id);
  }

  /** Takes up what was accepted elsewhere or before: what is pending at once, what is running when nobody seems to be at it. */
  async function lookAround(first: boolean): Promise<void> {
    const running = new Map<string, number>();
    for (const { id, tenant } of await records.unfinished()) {
      if (known.has(id)) continue;
      const { state, revision } = await records.get(id);
      if (state === "running") running.set(id, revision);
      if (state === "running" && !first && seenRunning.get(id) !== revision) continue;
      if (state === "running") ours.add(id);
      enqueue(lineOf(tenant), id);
    }
    seenRunning.clear();
    for (const [id, revision] of running) seenRunning.set(id, revision);
  }

  async function keepLooking(signal: AbortSignal): Promise<void> {
    for (let first = true; !signal.aborted; first = false) {
      try {
        await lookAround(first);
      } catch (error) {
        logger.warn("operations not looked for; trying again", { error: errorText(error) });
      }
      await clock.wait(ROUND_MILLISECONDS, signal).catch(() => undefined);
    }
  }

  return {
    async accept({ path, ...request }, caller) {
      const tenant = tenantOf(request.request.params);
      if (turns.count(lineOf(tenant)) >= MOST_PENDING) {
        throw new HoldfastError(
          "too_many_requests",
          `${MOST_PENDING} operations of ${tenant ?? "no tenant"} are pending; come again later`,
          {
            details: { retryAfterSeconds: 5 },
            retryable: true,
          },
        );
      }
      const { result, revision } = await changer.change((draft) => {
        const operation: Omit<Operation, "revision"> = {
          id: newId(),
          operation: request.route,
          ...(tenant === undefined ? {} : { tenant }),
          path,
          state: "pending",
          actor: caller.actor,
          ...(caller.requestId === undefined ? {} : { requestId: caller.requestId }),
          createdAt: timestamp(clock),
          ...initialProgress(request.request.body),
        };
        records.add(draft, operation, request);
        return operation;
      }, caller);
      if (!(await isFinished(result.id))) enqueue(lineOf(tenant), result.id);
      return { ...result, revision };
    },

    get: records.get,

    results: (id, from) => resultsOf({ records, idempotency }, id, from),

    async wait(id, milliseconds, after) {
      const isNews = ({ finishedAt, revision }: Operation) =>
        finishedAt !== undefined || (after !== undefined && revision > after);
      const enough = new AbortController();
      void clock.wait(milliseconds, enough.signal).then(
        () => enough.abort(),
        () => undefined,
      );
      try {
        let operation = await records.get(id);
        if (isNews(operation) || milliseconds <= 0) return operation;
        const changes = store.watch(keys.operation(id), { after: operation.revision, signal: enough.signal });
        for await (const _ of changes) {
          operation = await records.get(id);
          if (isNews(operation)) return operation;
        }
        return await records.get(id);
      } finally {
        enough.abort();
      }
    },

    async cancel(id) {
      for (;;) {
        const operation = await records.get(id);
        if (operation.state === "cancelled") return operation;
        if (operation.state !== "pending") {
          throw new HoldfastError(
            "conflict",
            `operation ${id} is ${operation.state}; only what is pending can be cancelled`,
            {
              details: { state: operation.state },
            },
          );
        }
        const at = timestamp(clock);
        const cancelled = await records.change(operation, { ...operation, state: "cancelled", finishedAt: at });
        if (cancelled !== undefined) return cancelled;
      }
    },

    async run(perform, signal) {
      signal.addEventListener("abort", () => wake.resolve(), { once: true });
      const workers = Array.from({ length: AT_ONCE }, async () => {
        while (!signal.aborted) {
          const id = turns.next();
          if (id !== undefined) await workUntilDone(id, perform, signal);
          else await wake.promise;
        }
      });
      await Promise.all([keepLooking(signal), ...workers]);
    },
  };
}
