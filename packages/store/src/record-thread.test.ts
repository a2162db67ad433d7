import { join } from "node:path";
import { silentLogger } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { describe, expect, test } from "vitest";
import { recordThread } from "./record-thread.ts";
import { RevisionedStore } from "./revisioned-store.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";
import { collect } from "./testing/store-harness.ts";
import { commit, put } from "./testing/store-operations.ts";

const START = { survives: "power-loss", keepRevisions: 100 } as const;

/** A thread starts in a tenth of a second, and in many on a machine that has something else to do. */
const PATIENCE = { timeout: 30_000 };

describe("a thread of its own for the records", PATIENCE, () => {
  test("what hinders it from opening is told here, with the remedy", async () => {
    using folder = disposable();
    const path = join(folder.path, "absent", "store.db");
    await expect(recordThread({ ...START, path })).rejects.toMatchObject({ code: "unavailable", retryable: true });
  });

  test("what it says last and its end may come at once", async () => {
    const refusing = `
      import { parentPort } from "node:worker_threads";
      const error = { code: "unavailable", message: "no", retryable: true };
      parentPort.postMessage({ kind: "not-opened", error });
    `;
    // How close together they come, chance decides.
    for (let times = 0; times < 30; times++) {
      await expect(recordThread({ ...START, path: "/p/store.db" }, programOf(refusing))).rejects.toThrow("no");
    }
    const silent = recordThread({ ...START, path: "/p/store.db" }, programOf(""));
    await expect(silent).rejects.toThrow("the thread that writes /p/store.db is gone (it ended)");
    const broken = recordThread({ ...START, path: "/p/store.db" }, programOf("throw new Error('broken')"));
    await expect(broken).rejects.toThrow("broken");
  });

  test("commits and reads that come together all get their own answer", async () => {
    using folder = disposable();
    const records = await recordThread({ ...START, path: join(folder.path, "store.db") });
    const store = new RevisionedStore({ records, clock: new ManualClock(), logger: silentLogger });
    const asked = Array.from({ length: 40 }, (_, index) => [commit(store, put(`k/${index}`, "")), store.get("k/0")]);
    const answers = await Promise.all(asked.flat());
    const revisions = answers.flatMap((answer) => (answer !== undefined && "kind" in answer ? [answer] : []));
    expect(revisions).toEqual(Array.from({ length: 40 }, (_, index) => ({ kind: "committed", revision: index + 1 })));
    expect((await store.list("k/")).entries).toHaveLength(40);
    await store.close();
  });

  test("when it dies, who waits and who comes later is told, and closing ends", async () => {
    const dying = `
      import { parentPort } from "node:worker_threads";
      parentPort.postMessage({ kind: "opened", records: { newest: 0, compacted: 0, leases: [] } });
      parentPort.on("message", () => { throw new Error("out of memory"); });
    `;
    const records = await recordThread({ ...START, path: "/p/store.db" }, programOf(dying));
    const store = new RevisionedStore({ records, clock: new ManualClock(), logger: silentLogger });
    const gone = { code: "unavailable", message: expect.stringContaining("/p/store.db is gone (out of memory)") };
    const watch = collect(store, "", 0);
    const outcomes = await Promise.allSettled([commit(store, put("a", "")), store.get("a")]);
    expect(outcomes).toMatchObject([{ reason: gone }, { reason: gone }]);
    await expect(commit(store, put("a", ""))).rejects.toMatchObject(gone);
    await expect(watch.ended).rejects.toMatchObject(gone);
    await expect(store.revision()).rejects.toMatchObject(gone);
    await expect(store.list("")).rejects.toMatchObject(gone);
    await store.close();
  });
});

function disposable() {
  const folder = scratchFolder();
  return { path: folder.path, [Symbol.dispose]: folder.remove };
}

function programOf(source: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}
