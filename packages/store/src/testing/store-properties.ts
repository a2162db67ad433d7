import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CommitResult, Condition, Entry, Operation, Store } from "../store.ts";
import { collect, type StoreHarness } from "./store-harness.ts";

/** Random programs against a store and against a model of it that is too simple to be wrong. */
export function storeProperties(name: string, open: () => Promise<StoreHarness>, { programs = 50 } = {}): void {
  describe(`${name} against a model`, () => {
    test("answers every program as the model does, and a watch tells the whole story", {
      timeout: 60_000,
    }, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 40, size: "max" }), async (commands) => {
          const harness = await open();
          try {
            await runProgram(harness, commands);
          } finally {
            await harness.dispose();
          }
        }),
        { numRuns: programs },
      );
    });
  });
}

/** A condition speaks of a key's revision relative to what it is, so that it holds often enough. */
interface RelativeCondition {
  readonly key: string;
  readonly off: number;
}

type Command =
  | { readonly kind: "commit"; readonly group: readonly RelativeTransaction[] }
  | { readonly kind: "list"; readonly prefix: string; readonly limit: number; readonly after: string | undefined }
  | { readonly kind: "compact"; readonly share: number }
  | { readonly kind: "reopen" };

interface RelativeTransaction {
  readonly conditions: readonly RelativeCondition[];
  readonly operations: readonly Operation[];
}

const key = fc.constantFrom("a", "a/", "a/b", "a/c", "a/\uffff", "a/😀", "b");
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("put" as const), key, value: fc.string({ maxLength: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
);
const transaction: fc.Arbitrary<RelativeTransaction> = fc.record({
  conditions: fc.array(fc.record({ key, off: fc.constantFrom(0, 0, 0, 0, 1, -1) }), { maxLength: 3 }),
  operations: fc.uniqueArray(operation, { selector: (one) => one.key, maxLength: 4 }),
});
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("commit" as const),
      group: fc.array(transaction, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("list" as const),
      prefix: fc.constantFrom("", "a", "a/", "b", "c"),
      limit: fc.nat({ max: 4 }),
      after: fc.option(key, { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("compact" as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "reopen" as const }) },
);

class Model {
  revision = 0;
  compacted = 0;
  readonly entries = new Map<string, Entry>();

  commit(conditions: readonly Condition[], operations: readonly Operation[]): CommitResult {
    const conflicts = conditions.filter((one) => (this.entries.get(one.key)?.revision ?? 0) !== one.revision);
    if (conflicts.length > 0) return { kind: "conflict", conflicts };
    const effective = operations.filter((one) => one.kind === "put" || this.entries.has(one.key));
    if (effective.length > 0) this.revision++;
    for (const one of effective) {
      const created = this.entries.get(one.key)?.created ?? this.revision;
      if (one.kind === "delete") this.entries.delete(one.key);
      else this.entries.set(one.key, { key: one.key, value: one.value, revision: this.revision, created });
    }
    return { kind: "committed", revision: this.revision };
  }

  list(prefix: string, after: string | undefined): Entry[] {
    return [...this.entries.values()]
      .filter((entry) => entry.key.startsWith(prefix))
      .sort(byBytes)
      .filter((entry) => after === undefined || byBytes(entry, { key: after }) > 0);
  }
}

function byBytes(a: { key: string }, b: { key: string }): number {
  return Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));
}

async function runProgram(harness: StoreHarness, commands: readonly Command[]): Promise<void> {
  const model = new Model();
  let store = harness.store;
  for (const one of commands) {
    if (one.kind === "reopen") store = (await harness.reopen?.()) ?? store;
    else await step(store, model, one);
    expect(await store.revision()).toBe(model.revision);
  }
  expect((await store.list("")).entries).toEqual(model.list("", undefined));
  await checkStory(store, model);
}

async function step(store: Store, model: Model, command: Exclude<Command, { kind: "reopen" }>): Promise<void> {
  switch (command.kind) {
    case "commit": {
      // Conditions of a whole group are set up before any of it runs, so that members get in each other's way.
      const group = command.group.map(({ conditions, operations }) => ({
        operations,
        conditions: conditions.map(({ key, off }) => ({
          key,
          revision: Math.max(0, (model.entries.get(key)?.revision ?? 0) + off),
        })),
      }));
      const results = await Promise.all(group.map((one) => store.commit(one)));
      expect(results).toEqual(group.map((one) => model.commit(one.conditions, one.operations)));
      return;
    }
    case "list": {
      const { prefix, limit, after } = command;
      const page = await store.list(prefix, after === undefined ? { limit } : { limit, after });
      const all = model.list(prefix, after);
      const expected = limit === 0 ? all : all.slice(0, limit);
      expect(page).toEqual({ entries: expected, revision: model.revision, more: expected.length < all.length });
      return;
    }
    case "compact": {
      const revision = Math.floor(command.share * model.revision);
      await store.compact(revision);
      model.compacted = Math.max(model.compacted, revision);
    }
  }
}

/** Replays the history from the oldest revision that is left, over an unknown state: what it touches must end as the model has it. */
async function checkStory(store: Store, model: Model): Promise<void> {
  const watch = collect(store, "", model.compacted);
  await watch.until(model.revision - model.compacted);
  const batches = await watch.stop();
  expect(batches.map((batch) => batch.revision)).toEqual(
    Array.from({ length: model.revision - model.compacted }, (_, index) => model.compacted + index + 1),
  );
  const touched = new Map<string, Entry | undefined>();
  for (const change of batches.flatMap((batch) => batch.changes)) {
    if (change.kind === "put") touched.set(change.entry.key, change.entry);
    else touched.set(change.key, undefined);
  }
  for (const [touchedKey, entry] of touched) expect(model.entries.get(touchedKey)).toEqual(entry);
  if (model.compacted === 0) {
    expect([...touched.values()].filter((entry) => entry !== undefined).sort(byBytes)).toEqual(
      model.list("", undefined),
    );
  }
}
