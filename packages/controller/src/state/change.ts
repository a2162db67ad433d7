import { setImmediate as nextTurn } from "node:timers/promises";
import { HoldfastError } from "@holdfast/core";
import type { Progress } from "@holdfast/model";
import type { Operation, Store } from "@holdfast/store";
import { isCollection } from "./collections.ts";
import type { Idempotency, IdempotentRequest } from "./idempotency.ts";
import { collectionOf } from "./keys.ts";
import type { State } from "./state.ts";

/** Notes how far a request has got, in the commit that brings it there. */
export type NoteProgress = (draft: Draft, progress: Progress) => void;

/** Who asks for a change, and how the request was made conditional. */
export interface Caller {
  /** For records, e.g. `"operator"`, `"node/h1"`, `"controller"`. */
  readonly actor: string;
  /** For records and logs. Absent: no request asked for it. */
  readonly requestId?: string | undefined;
  /** Revision that the object must have. Absent: any. */
  readonly ifMatch?: number | undefined;
  readonly idempotency?: IdempotentRequest | undefined;
  /** Absent: nobody follows the request. */
  readonly progress?: NoteProgress | undefined;
}

interface Written {
  readonly key: string;
  readonly text: string;
  readonly object: object;
}

/** What a change will write, and what must be unchanged for that. */
export class Draft {
  /** The draft that this one is a part of; itself when it is none. */
  readonly whole: Draft;
  readonly #conditions = new Map<string, number>();
  readonly #operations = new Map<string, { readonly operation: Operation; readonly object?: object }>();
  readonly #abandon: ((outcomeUnknown: boolean) => void)[] = [];

  constructor(whole?: Draft) {
    this.whole = whole ?? this;
  }

  /**
   * The decision rests on this key being at this revision; 0: absent. What was expected first stays: of a decision in slices, a later one may have seen
   * a newer revision, and then what was decided before is outdated.
   */
  expect(key: string, revision: number): void {
    if (!this.#conditions.has(key)) this.#conditions.set(key, revision);
  }

  /** A `revision` in the object is left out: it is the entry's. */
  put(key: string, object: object, lease?: string): void {
    const { revision: _, ...value } = object as { revision?: number };
    const text = JSON.stringify(value);
    const operation: Operation =
      lease === undefined ? { kind: "put", key, value: text } : { kind: "put", key, value: text, lease };
    this.#operations.set(key, { operation, object: value });
  }

  delete(key: string): void {
    this.#operations.set(key, { operation: { kind: "delete", key } });
  }

  /** Takes over what a part has drafted, which was tried on a draft of its own so that it could be dropped alone. */
  include(part: Draft): void {
    for (const [key, revision] of part.#conditions) this.expect(key, revision);
    for (const [key, operation] of part.#operations) this.#operations.set(key, operation);
    for (const undo of part.#abandon) this.#abandon.push(undo);
  }

  /** Runs when the draft is not committed; with `outcomeUnknown`, the store did not say, and it may yet turn out that it was. */
  whenAbandoned(undo: (outcomeUnknown: boolean) => void): void {
    this.#abandon.push(undo);
  }

  /** Drops everything: nothing is drafted afterwards. What was done last is undone first. */
  abandon(outcomeUnknown = false): void {
    this.#conditions.clear();
    this.#operations.clear();
    for (const undo of this.#abandon.splice(0).reverse()) undo(outcomeUnknown);
  }

  get changesNothing(): boolean {
    return this.#operations.size === 0;
  }

  transaction() {
    return {
      conditions: Array.from(this.#conditions, ([key, revision]) => ({ key, revision })),
      operations: Array.from(this.#operations.values(), ({ operation }) => operation),
    };
  }

  /** Puts with their objects, so that they need not be parsed when the store's feed brings them. */
  written(): readonly Written[] {
    const written: Written[] = [];
    for (const { operation, object } of this.#operations.values()) {
      if (operation.kind === "put" && object !== undefined && isCached(operation.key)) {
        written.push({ key: operation.key, text: operation.value, object });
      }
    }
    return written;
  }
}

function isCached(key: string): boolean {
  return isCollection(collectionOf(key));
}

/** Thrown by a decision that another one of this process stands in the way of: it runs again when that is over. */
export class Overtaken extends Error {
  readonly over: Promise<void>;

  constructor(over: Promise<void>) {
    super("overtaken");
    this.over = over;
  }
}

/** Decides on {@link State} as it is and drafts what to write. Synchronous; runs again when it was overtaken; refuses by throwing. */
export type Decide<T> = (draft: Draft) => T;

/**
 * A decision of thousands of parts, at each `yield` of which others get a turn. Each part must expect all that it rests on: the state may move between
 * them. One is made at a time, so that two that ask for what is enough for one of them are not both refused.
 */
export type DecideInSlices<T> = (draft: Draft) => Generator<void, T>;

export interface Changed<T> {
  readonly result: T;
  readonly revision: number;
}

/** Runs decisions until one commits. */
export interface Changer {
  /**
   * Resolves when the change is durable and in {@link State}. A decision that drafts nothing, and one that refuses, has seen
   * everything that was acknowledged before the call.
   *
   * @throws HoldfastError what `decide` throws; `conflict` (retryable) when it was overtaken too often.
   */
  change<T extends object | undefined>(decide: Decide<T>, caller?: Caller): Promise<Changed<T>>;
  /** {@link change} for a long decision. */
  changeInSlices<T extends object | undefined>(decide: DecideInSlices<T>, caller?: Caller): Promise<Changed<T>>;
}

/** Each try that fails has let another writer succeed; this many only when something is wrong. */
const MAX_TRIES = 200;

export interface ChangeCounts {
  committed(): void;
  overtaken(): void;
}

export function createChanger(dependencies: {
  readonly store: Store;
  readonly state: State;
  readonly idempotency: Idempotency;
  readonly counts: ChangeCounts;
}): Changer {
  const { store, state, idempotency, counts } = dependencies;

  /** Whether a decision on the state as it was at a revision was made on outdated state. Afterwards the state is up to date. */
  async function wasOutdated(revision: number): Promise<boolean> {
    const newest = await store.revision();
    await state.reached(newest);
    // What came in while the store was asked the decision has not seen.
    return revision < newest;
  }

  async function commit(draft: Draft, result: unknown, caller: Caller | undefined): Promise<number | undefined> {
    const announced = draft.written();
    for (const { key, text, object } of announced) state.announce(key, text, object);
    try {
      if (caller?.idempotency !== undefined) await idempotency.keepAnswer(draft, caller.idempotency, result);
      const outcome = await store.commit(draft.transaction());
      if (outcome.kind === "committed") return outcome.revision;
    } catch (error) {
      draft.abandon(true);
      for (const { key, text } of announced) state.retract(key, text);
      throw error;
    }
    draft.abandon();
    for (const { key, text } of announced) state.retract(key, text);
    return undefined;
  }

  let slicesBefore: Promise<void> = Promise.resolve();

  async function inSlices<T>(decision: () => Generator<void, T>): Promise<T> {
    const before = slicesBefore;
    const { promise, resolve } = Promise.withResolvers<void>();
    slicesBefore = promise;
    await before;
    try {
      const slices = decision();
      for (let slice = slices.next(); ; slice = slices.next()) {
        if (slice.done === true) return slice.value;
        await nextTurn();
      }
    } finally {
      resolve();
    }
  }

  async function change<T extends object | undefined>(
    decide: (draft: Draft) => T | Promise<T>,
    caller?: Caller,
  ): Promise<Changed<T>> {
    let seenAll = false;
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      if (caller?.idempotency !== undefined) {
        const earlier = await idempotency.earlierAnswer(caller.idempotency);
        if (earlier !== undefined) return earlier as Changed<T>;
      }
      const draft = new Draft();
      const decidedAt = state.revision;
      let result: T;
      try {
        const deciding = decide(draft);
        result = deciding instanceof Promise ? await deciding : deciding;
      } catch (error) {
        draft.abandon();
        if (error instanceof Overtaken) {
          await error.over;
          // What is settled in the same turn, because it was in the same group of commits, need not be waited for one by one.
          await nextTurn();
          continue;
        }
        if (seenAll || !(await wasOutdated(decidedAt))) throw error;
        seenAll = true;
        continue;
      }
      if (draft.changesNothing) {
        if (seenAll || !(await wasOutdated(decidedAt))) return { result, revision: state.revision };
        seenAll = true;
        continue;
      }
      const revision = await commit(draft, result, caller);
      if (revision !== undefined) {
        await state.reached(revision);
        counts.committed();
        return { result, revision };
      }
      counts.overtaken();
      await wasOutdated(decidedAt);
    }
    throw new HoldfastError("conflict", "too many others change the same objects at once; try again", {
      retryable: true,
    });
  }

  return {
    change,
    changeInSlices: (decide, caller) => change((draft) => inSlices(() => decide(draft)), caller),
  };
}
