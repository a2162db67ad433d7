import { expect, test } from "vitest";
import { ChangeFeed } from "./change-feed.ts";
import type { Records } from "./records.ts";
import type { Change } from "./store.ts";

test("a watcher that is up to date gets a batch of any size without reading it back", async () => {
  const records = {
    opened: { newest: 0, compacted: 0 },
    history: () => Promise.reject(new Error("read back")),
  } as unknown as Records;
  const feed = new ChangeFeed(records);
  const changes = Array.from(
    { length: 30_000 },
    (_, index): Change => ({ kind: "delete", key: `k${index}`, revision: 1 }),
  );
  const watch = feed.watch("", 0, new AbortController().signal);
  const next = watch.next();
  feed.publish({ revision: 1, changes });
  expect((await next).value?.changes).toHaveLength(30_000);
  await watch.return();
});
