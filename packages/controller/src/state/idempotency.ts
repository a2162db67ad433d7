import { createHash } from "node:crypto";
import { type Clock, HoldfastError } from "@holdfast/core";
import type { Lease, Store } from "@holdfast/store";
import type { Changed, Draft } from "./change.ts";
import { keys } from "./keys.ts";

/** A request that carried an Idempotency-Key. */
export interface IdempotentRequest {
  /** The route's id: a key is good for one operation. */
  readonly route: string;
  readonly key: string;
  /** Of path and body; the same key with another one is an error. */
  readonly fingerprint: string;
}

export interface Idempotency {
  /** What was answered before. @throws HoldfastError `conflict`: the key came with another request. */
  earlierAnswer(request: IdempotentRequest): Promise<Changed<unknown> | undefined>;
  /** Id of a lease on the store that ends in 24 to 25 hours, for notes of what has been done. */
  leaseOfThisHour(): Promise<string>;
  /** Writes the answer down in the commit that makes it true. */
  keepAnswer(draft: Draft, request: IdempotentRequest, result: unknown): Promise<void>;
}

interface KeptAnswer {
  readonly fingerprint: string;
  readonly result: unknown;
}

const HOUR = 3_600_000;
/** Answers of one hour share a lease, so that keeping one costs no write of its own; each lives for at least 24 hours. */
const LEASE_MILLISECONDS = 25 * HOUR;

export function createIdempotency({ store, clock }: { readonly store: Store; readonly clock: Clock }): Idempotency {
  let current: { readonly hour: number; readonly lease: Promise<Lease> } | undefined;

  async function leaseOfThisHour(): Promise<string> {
    const hour = Math.floor(clock.now().getTime() / HOUR);
    if (current?.hour !== hour) current = { hour, lease: store.grantLease(LEASE_MILLISECONDS) };
    const { lease } = current;
    try {
      return (await lease).id;
    } catch (error) {
      if (current?.lease === lease) current = undefined;
      throw error;
    }
  }

  return {
    leaseOfThisHour,

    async earlierAnswer(request) {
      const entry = await store.get(keys.idempotency(request.route, request.key));
      if (entry === undefined) return undefined;
      const kept = JSON.parse(entry.value) as KeptAnswer;
      if (kept.fingerprint !== request.fingerprint) {
        throw new HoldfastError(
          "conflict",
          `Idempotency-Key ${JSON.stringify(request.key)} was used for another request; use a new key for a new request`,
          { details: { field: "Idempotency-Key" } },
        );
      }
      return { result: kept.result, revision: entry.revision };
    },

    async keepAnswer(draft, request, result) {
      const key = keys.idempotency(request.route, request.key);
      draft.expect(key, 0);
      const kept: KeptAnswer = { fingerprint: request.fingerprint, result };
      draft.put(key, kept, await leaseOfThisHour());
    },
  };
}

/** What tells two requests with the same key apart. */
export function fingerprintOf(path: string, body: unknown): string {
  return createHash("sha256")
    .update(`${path}\n${JSON.stringify(body ?? null)}`)
    .digest("base64url");
}
