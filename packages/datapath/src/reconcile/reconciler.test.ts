import { HoldfastError } from "@holdfast/core";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Reconciler } from "./reconciler.ts";
import type { Table } from "./table.ts";

interface Row {
  readonly name: string;
  readonly value: string;
  readonly needs?: readonly string[];
}

/** A target made of text, whose operations fail when they are told to. */
class Target {
  readonly rows = new Map<string, string>();
  readonly log: string[] = [];
  readonly broken = new Map<string, Error>();
  /** Operations do not end before this does. */
  gate: Promise<void> = Promise.resolve();

  table(name: string) {
    return {
      name,
      key: (row: Row) => row.name,
      same: (a: Row, b: Row) => a.value === b.value,
      needs: (row: Row) =>
        (row.needs ?? []).map((ref) => {
          const [table = "", key = ""] = ref.split(" ");
          return { table, key };
        }),
      operations: {
        update: async (rows: readonly Row[]) => {
          this.#do("update", rows);
          await this.gate;
          for (const row of rows) this.rows.set(row.name, row.value);
        },
        remove: async (rows: readonly Row[]) => {
          this.#do("remove", rows);
          await this.gate;
          for (const row of rows) this.rows.delete(row.name);
        },
        prune: async (desired: readonly Row[]) => {
          this.#do("prune", desired);
          const wanted = new Set(desired.map((row) => row.name));
          for (const key of [...this.rows.keys()]) if (!wanted.has(key)) this.rows.delete(key);
        },
      },
    };
  }

  /** All or nothing, as a transaction. */
  #do(operation: string, rows: readonly Row[]): void {
    const names = rows.map((row) => row.name);
    const culprit = [operation, ...names].find((name) => this.broken.has(name));
    this.log.push(`${operation} ${names.join(" ")}${culprit === undefined ? "" : " fails"}`);
    const error = this.broken.get(culprit ?? "");
    if (error !== undefined) throw error;
  }

  take(): string[] {
    return this.log.splice(0);
  }
}

const REFUSED = new HoldfastError("switch_rejected", "bad row");
const UNREACHABLE = new HoldfastError("unavailable", "no connection");

/** Lets everything happen that needs no time. */
async function turn(): Promise<void> {
  for (let count = 0; count < 50; count++) await Promise.resolve();
}

describe("the reconciler", () => {
  let clock: ManualClock;
  let target: Target;
  let reconciler: Reconciler;
  let table: Table<Row>;
  const signal = new AbortController().signal;

  beforeEach(() => {
    clock = new ManualClock();
    target = new Target();
    reconciler = new Reconciler(
      { clock, logger: new RecordingLogger() },
      { first: 100, longest: 400, random: () => 1 },
    );
    table = reconciler.table(target.table("ports"));
  });
  afterEach(() => reconciler.close());

  const set = (...names: string[]): void => {
    for (const name of names) table.set({ name, value: "1" });
  };

  const closeGate = (): PromiseWithResolvers<void> => {
    const gate = Promise.withResolvers<void>();
    target.gate = gate.promise;
    return gate;
  };

  test("takes all rows of one turn in one batch", async () => {
    set("a", "b", "c");
    await table.settled(["a", "b", "c"], signal);
    expect(target.take()).toEqual(["update a b c"]);
  });

  test("takes what waits during a batch together in the next", async () => {
    const gate = closeGate();
    set("a");
    await turn();
    set("b", "c");
    await turn();
    gate.resolve();
    await table.settled(["a", "b", "c"], signal);
    expect(target.take()).toEqual(["update a", "update b c"]);
  });

  test("leaves a row alone that is set again as it is", async () => {
    set("a");
    await table.settled(["a"], signal);
    set("a");
    await turn();
    expect(target.take()).toEqual(["update a"]);
  });

  test("lets a bad row fail alone, and tries it again later and later", async () => {
    target.broken.set("c", REFUSED);
    set("a", "b", "c", "d");
    await table.settled(["a", "b", "d"], signal);
    expect(target.take()).toEqual([
      "update a b c d fails",
      "update a b",
      "update c d fails",
      "update c fails",
      "update d",
    ]);
    expect(reconciler.status()).toEqual([{ row: "ports c", state: "error", attempts: 1, error: "bad row" }]);
    for (const pause of [100, 200, 400, 400]) {
      clock.advance(pause - 1);
      await turn();
      expect(target.take()).toEqual([]);
      clock.advance(1);
      await turn();
      expect(target.take()).toEqual(["update c fails"]);
    }
    target.broken.clear();
    clock.advance(400);
    await turn();
    expect(reconciler.status()).toEqual([]);
  });

  test("does not blame single rows when the target cannot be reached", async () => {
    target.broken.set("a", UNREACHABLE);
    set("a", "b");
    await turn();
    expect(target.take()).toEqual(["update a b fails"]);
    expect(reconciler.status()).toHaveLength(2);
  });

  test("tries a failed row at once when it is changed", async () => {
    target.broken.set("a", REFUSED);
    set("a");
    await turn();
    target.broken.clear();
    table.set({ name: "a", value: "2" });
    await table.settled(["a"], signal);
    expect(target.rows.get("a")).toBe("2");
  });

  test("does not lose a change that comes while the row is being updated", async () => {
    const gate = closeGate();
    set("a");
    await turn();
    table.set({ name: "a", value: "2" });
    gate.resolve();
    await table.settled(["a"], signal);
    expect(target.rows.get("a")).toBe("2");
    expect(target.take()).toEqual(["update a", "update a"]);
  });

  test("tells who waits for a row that is refused", async () => {
    target.broken.set("a", REFUSED);
    set("a");
    await expect(table.settled(["a"], signal)).rejects.toMatchObject({ code: "switch_rejected" });
  });

  test("lets a caller wait for a target that is away, until his own deadline, and says why it took too long", async () => {
    target.broken.set("a", UNREACHABLE);
    set("a");
    const deadline = new AbortController();
    const waiting = table.settled(["a"], deadline.signal);
    await turn();
    deadline.abort(new HoldfastError("timeout", "too late"));
    await expect(waiting).rejects.toThrow("ports a is not as desired after 1 tries: no connection");
    target.broken.clear();
    clock.advance(100);
    await table.settled(["a"], signal);
  });

  test("removes nothing that is unknown before the desired state is complete, then everything that is not desired", async () => {
    target.rows.set("old", "1");
    set("a");
    await table.settled(["a"], signal);
    reconciler.refresh();
    await turn();
    expect(target.rows.has("old")).toBe(true);
    await reconciler.synced(signal);
    expect([...target.rows.keys()]).toEqual(["a"]);
  });

  test("prunes again after a refresh once it was complete", async () => {
    await reconciler.synced(signal);
    target.rows.set("stray", "1");
    reconciler.refresh();
    await turn();
    expect([...target.rows.keys()]).toEqual([]);
  });

  test("prunes until it has worked", async () => {
    target.broken.set("prune", UNREACHABLE);
    let done = false;
    const synced = reconciler.synced(signal).then(() => {
      done = true;
    });
    await turn();
    expect(done).toBe(false);
    target.broken.clear();
    clock.advance(100);
    await synced;
    expect(target.take()).toEqual(["prune  fails", "prune "]);
  });

  test("updates what a row needs first, and removes it last", async () => {
    const flows = reconciler.table(target.table("flows"));
    flows.set({ name: "flow", value: "1", needs: ["ports port"] });
    await turn();
    expect(target.take()).toEqual([]);
    set("port");
    await flows.settled(["flow"], signal);
    expect(target.take()).toEqual(["update port", "update flow"]);
    table.delete("port");
    await turn();
    expect(target.take()).toEqual([]);
    flows.delete("flow");
    await table.settled(["port"], signal);
    expect(target.take()).toEqual(["remove flow", "remove port"]);
  });

  test("keeps what a row needed until the row no longer uses it", async () => {
    const flows = reconciler.table(target.table("flows"));
    set("one", "two");
    flows.set({ name: "flow", value: "1", needs: ["ports one"] });
    await flows.settled(["flow"], signal);
    target.broken.set("flow", REFUSED);
    flows.set({ name: "flow", value: "2", needs: ["ports two"] });
    table.delete("one");
    await turn();
    expect(target.rows.has("one")).toBe(true);
    target.broken.clear();
    clock.advance(100);
    await table.settled(["one"], signal);
    expect(target.rows.has("one")).toBe(false);
  });

  test("prunes tables in the reverse of their order", async () => {
    const flows = reconciler.table(target.table("flows"));
    set("port");
    flows.set({ name: "flow", value: "1" });
    await turn();
    target.take();
    await reconciler.synced(signal);
    expect(target.take()).toEqual(["prune flow", "prune port"]);
  });

  test("a row that is wanted again while it is being removed stays", async () => {
    set("a");
    await table.settled(["a"], signal);
    const gate = closeGate();
    table.delete("a");
    await turn();
    set("a");
    gate.resolve();
    await table.settled(["a"], signal);
    expect(target.take()).toEqual(["update a", "remove a", "update a"]);
    expect(target.rows.has("a")).toBe(true);
  });

  test("tells those who wait when it is closed", async () => {
    target.broken.set("a", UNREACHABLE);
    set("a");
    const waiting = table.settled(["a"], signal);
    await turn();
    await Promise.all([expect(waiting).rejects.toMatchObject({ code: "unavailable" }), reconciler.close()]);
  });
});
