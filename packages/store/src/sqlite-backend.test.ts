import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { SqliteBackend } from "./sqlite-backend.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";

const ENTRIES = 30_000;

describe("a page of a long list", () => {
  test("costs the same at the end as at the beginning", () => {
    const folder = scratchFolder();
    const backend = new SqliteBackend(join(folder.path, "store.db"), "process-end");
    try {
      const keys = Array.from({ length: ENTRIES }, (_, number) => `k/${String(number).padStart(6, "0")}`);
      const changes = keys.map((key) => ({ kind: "put", entry: { key, value: "", revision: 1, created: 1 } }) as const);
      backend.write((writer) => writer.apply({ revision: 1, changes }, new Map()));
      const page = (after: string) => backend.list({ prefix: "k/", after, limit: 10 }).map(({ key }) => key);
      expect(page("")).toEqual(keys.slice(0, 10));
      expect(page(keys.at(-11) ?? "")).toEqual(keys.slice(-10));
      const fastest = (after: string) => Math.min(...Array.from({ length: 50 }, () => timeOf(() => page(after))));
      // Walking there would take some hundred times as long.
      expect(fastest(keys.at(-11) ?? "")).toBeLessThan(10 * fastest(keys[0] ?? ""));
    } finally {
      backend.close();
      folder.remove();
    }
  });
});

function timeOf(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}
