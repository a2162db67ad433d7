import { describe, expect, test } from "vitest";
import type { ComplianceContext } from "./store-context.ts";
import { type Collected, collect } from "./store-harness.ts";
import { commit, put, remove } from "./store-operations.ts";

/** What a watch gives, from which revision, and how it ends. */
export function watches({ store }: ComplianceContext): void {
  describe("watch", () => {
    test("gives every change above a revision, one batch per revision, in order, then goes on", async () => {
      await commit(store(), put("w/a", "1"));
      await commit(store(), put("w/a", "2"), put("w/b", "2"));
      await commit(store(), remove("w/a"));
      const watch = collect(store(), "w/", 1);
      await watch.until(2);
      await commit(store(), put("w/c", "4"));
      await watch.until(3);
      expect(await watch.stop()).toEqual([
        {
          revision: 2,
          changes: [
            { kind: "put", entry: { key: "w/a", value: "2", revision: 2, created: 1 } },
            { kind: "put", entry: { key: "w/b", value: "2", revision: 2, created: 2 } },
          ],
        },
        { revision: 3, changes: [{ kind: "delete", key: "w/a", revision: 3 }] },
        { revision: 4, changes: [{ kind: "put", entry: { key: "w/c", value: "4", revision: 4, created: 4 } }] },
      ]);
    });

    test("gives only what is under the prefix, and no empty batches", async () => {
      const watch = collect(store(), "w/", 0);
      await commit(store(), put("v", ""), put("w/a", ""), put("x", ""));
      await commit(store(), put("x", ""));
      await commit(store(), put("w/b", ""));
      await watch.until(2);
      const batches = await watch.stop();
      expect(batches.map((batch) => [batch.revision, batch.changes.length])).toEqual([
        [1, 1],
        [3, 1],
      ]);
    });

    test("gives no empty batches either where it reads on from the past", async () => {
      for (const key of ["v", "w/a", "x", "w/b", "y"]) await commit(store(), put(key, ""));
      const watch = collect(store(), "w/", 0);
      await watch.until(2);
      expect((await watch.stop()).map((batch) => [batch.revision, batch.changes.length])).toEqual([
        [2, 1],
        [4, 1],
      ]);
    });

    test("gives nothing more once the signal is aborted, though more has happened", async () => {
      for (const key of ["a", "b", "c"]) await commit(store(), put(key, ""));
      const abort = new AbortController();
      const revisions: number[] = [];
      for await (const batch of store().watch("", { after: 0, signal: abort.signal })) {
        revisions.push(batch.revision);
        abort.abort();
      }
      expect(revisions).toEqual([1]);
    });

    test("a change is readable by the time the watcher hears of it", async () => {
      const abort = new AbortController();
      const watching = (async () => {
        for await (const batch of store().watch("w/", { after: 0, signal: abort.signal })) {
          expect((await store().get("w/a"))?.revision).toBeGreaterThanOrEqual(batch.revision);
          if (batch.revision === 20) abort.abort();
        }
      })();
      for (let index = 0; index < 20; index++) await commit(store(), put("w/a", `${index}`));
      await watching;
    });

    test("misses and repeats nothing while many commit, quick or slow", { timeout: 60_000 }, async () => {
      const total = 3000;
      const quick = collect(store(), "w/", 0);
      const slow = collect(store(), "w/", 0, { pauseEvery: 100 });
      const late: Collected[] = [];
      for (let done = 0; done < total; done += 100) {
        late.push(collect(store(), "w/", done));
        await Promise.all(Array.from({ length: 100 }, (_, index) => commit(store(), put(`w/${index}`, `${done}`))));
      }
      for (const [index, watch] of [quick, slow, ...late].entries()) {
        const after = index < 2 ? 0 : (index - 2) * 100;
        await watch.until(total - after);
        const revisions = (await watch.stop()).map((batch) => batch.revision);
        expect(revisions).toEqual(Array.from({ length: total - after }, (_, at) => after + at + 1));
      }
    });

    test("ends without an error when the signal is aborted, before or while it waits", async () => {
      const aborted = AbortSignal.abort();
      for await (const _ of store().watch("", { after: 0, signal: aborted })) expect.unreachable();
      const watch = collect(store(), "", 0);
      await watch.stop();
    });

    test("a revision that the store has never reached is gone", async () => {
      await commit(store(), put("a", ""));
      await expect(collect(store(), "", 2).ended).rejects.toMatchObject({ code: "revision_gone" });
    });
  });
}
