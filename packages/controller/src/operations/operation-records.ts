import type { Name } from "@holdfast/core";
import type { Operation } from "@holdfast/model";
import type { Store } from "@holdfast/store";
import { notFound } from "../refusals.ts";
import type { Caller, Draft } from "../state/change.ts";
import type { Idempotency } from "../state/idempotency.ts";
import { keys } from "../state/keys.ts";

/** What an operation is to do, as long as it is not finished. */
export interface StoredRequest {
  readonly route: string;
  /** Parsed. */
  readonly request: { readonly params: unknown; readonly query: unknown; readonly body: unknown };
  readonly caller: Pick<Caller, "actor" | "requestId" | "ifMatch">;
}

/** Operations on record. They are not in memory: what is finished is only read when somebody asks. */
export interface OperationRecords {
  /** With what it has come to. @throws HoldfastError `not_found`. */
  get(id: string): Promise<Operation>;
  /** Undefined: it is finished. Its revision never changes. */
  requestOf(id: string): Promise<(StoredRequest & { readonly revision: number }) | undefined>;
  /** Drafts what is accepted. */
  add(draft: Draft, operation: Omit<Operation, "revision">, request: StoredRequest): void;
  /** Ids of those that are not finished, with their tenants, oldest first. */
  unfinished(): Promise<readonly { readonly id: string; readonly tenant: string }[]>;
  /**
   * Puts what follows from an operation as it was; undefined: it has changed meanwhile. What is finished loses its request and is forgotten
   * after a day.
   */
  change(before: Operation, after: Operation): Promise<Operation | undefined>;
}

export function createOperationRecords(store: Store, idempotency: Idempotency): OperationRecords {
  async function resultOf(id: string): Promise<{ readonly result?: unknown }> {
    const entry = await store.get(keys.operationResult(id));
    return entry === undefined ? {} : { result: JSON.parse(entry.value) as unknown };
  }

  return {
    async get(id) {
      const entry = await store.get(keys.operation(id));
      if (entry === undefined) throw notFound(`operation ${id}`, "those that have ended are kept for a day");
      const operation = { ...(JSON.parse(entry.value) as Operation), revision: entry.revision };
      return operation.state === "done" ? { ...operation, ...(await resultOf(id)) } : operation;
    },

    async requestOf(id) {
      const entry = await store.get(keys.operationRequest(id));
      return entry && { ...(JSON.parse(entry.value) as StoredRequest), revision: entry.revision };
    },

    async unfinished() {
      const { entries } = await store.list(keys.operationUnfinished(""));
      return entries.map(({ key, value }) => {
        const { tenant = "" } = JSON.parse(value) as { readonly tenant?: string };
        return { id: key.slice(keys.operationUnfinished("").length), tenant };
      });
    },

    add(draft, operation, request) {
      const { id, tenant } = operation;
      draft.expect(keys.operation(id), 0);
      draft.put(keys.operation(id), operation);
      draft.put(keys.operationRequest(id), request);
      draft.put(keys.operationUnfinished(id), { tenant });
    },

    async change(before, { result, ...after }) {
      const { id } = before;
      const put = (key: string, value: object, lease?: string) =>
        ({ kind: "put", key, value: JSON.stringify(value), ...(lease === undefined ? {} : { lease }) }) as const;
      const record = { ...after, revision: undefined };
      const ended = after.finishedAt === undefined ? undefined : await idempotency.leaseOfThisHour();
      const atEnd = [
        ...(result === undefined ? [] : [put(keys.operationResult(id), result as object, ended)]),
        { kind: "delete", key: keys.operationRequest(id) } as const,
        { kind: "delete", key: keys.operationUnfinished(id) } as const,
      ];
      const outcome = await store.commit({
        conditions: [{ key: keys.operation(id), revision: before.revision }],
        operations: [put(keys.operation(id), record, ended), ...(ended === undefined ? [] : atEnd)],
      });
      if (outcome.kind !== "committed") return undefined;
      return { ...after, ...(result === undefined ? {} : { result }), revision: outcome.revision };
    },
  };
}

/** Of the parameters of a path. */
export function tenantOf(params: unknown): Name | undefined {
  return (params as { tenant?: Name } | undefined)?.tenant;
}
