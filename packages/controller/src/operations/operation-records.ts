import type { Name } from "@holdfast/core";
import type { Operation } from "@holdfast/model";
import type { Store } from "@holdfast/store";
import { notFound } from "../refusals.ts";
import type { Caller } from "../state/change.ts";
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
  /** @throws HoldfastError `not_found`. */
  get(id: string): Promise<Operation>;
  /** Undefined: it is finished. Its revision never changes. */
  requestOf(id: string): Promise<(StoredRequest & { readonly revision: number }) | undefined>;
  /** Ids of those that are not finished, with their tenants, oldest first. */
  unfinished(): Promise<readonly { readonly id: string; readonly tenant: string }[]>;
  /**
   * Puts what follows from an operation as it was; undefined: it has changed meanwhile. What is finished loses its request and is forgotten
   * after a day.
   */
  change(before: Operation, after: Operation): Promise<Operation | undefined>;
}

export function createOperationRecords(store: Store, idempotency: Idempotency): OperationRecords {
  return {
    async get(id) {
      const entry = await store.get(keys.operation(id));
      if (entry === undefined) throw notFound(`operation ${id}`, "those that have ended are kept for a day");
      return { ...(JSON.parse(entry.value) as Operation), revision: entry.revision };
    },

    async requestOf(id) {
      const entry = await store.get(keys.operationRequest(id));
      return entry && { ...(JSON.parse(entry.value) as StoredRequest), revision: entry.revision };
    },

    async unfinished() {
      const { entries } = await store.list(keys.operationRequest(""));
      return entries.map(({ key, value }) => {
        const { request } = JSON.parse(value) as StoredRequest;
        return { id: key.slice(keys.operationRequest("").length), tenant: tenantOf(request.params) ?? "" };
      });
    },

    async change(before, after) {
      const key = keys.operation(before.id);
      const value = JSON.stringify({ ...after, revision: undefined });
      const ended = after.finishedAt !== undefined;
      const lease = ended ? { lease: await idempotency.leaseOfThisHour() } : {};
      const result = await store.commit({
        conditions: [{ key, revision: before.revision }],
        operations: [
          { kind: "put", key, value, ...lease },
          ...(ended ? [{ kind: "delete", key: keys.operationRequest(before.id) } as const] : []),
        ],
      });
      return result.kind === "committed" ? { ...after, revision: result.revision } : undefined;
    },
  };
}

/** Of the parameters of a path. */
export function tenantOf(params: unknown): Name | undefined {
  return (params as { tenant?: Name } | undefined)?.tenant;
}
