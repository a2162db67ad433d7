import { type Clock, silentLogger, systemClock } from "@holdfast/core";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createSearchStore } from "../../src/opensearch/opensearch-store.ts";
import { ALWAYS } from "../../src/query/plan.ts";
import { DEFAULT_TIERS, type FlowStore } from "../../src/store/store.ts";
import { container, outside, sampled, TEN_O_CLOCK, traffic, windowOf } from "../../src/testing/made-traffic.ts";
import { startLossyProxy } from "./lossy-proxy.ts";
import { JARS, type OpenSearch, startOpenSearch } from "./opensearch-process.ts";

/** The machine may have much to do. */
const PATIENT = { timeout: 20_000 };
const web = container("shop/web/web-0", "10.20.0.7");
let server: OpenSearch;
let prefix: string;
let count = 0;

function open(
  address: URL,
  {
    clock = systemClock,
    logger = silentLogger,
  }: { clock?: Clock; logger?: RecordingLogger | typeof silentLogger } = {},
): FlowStore {
  return createSearchStore(
    { clock, logger, nonce: () => `run-${++count}` },
    { host: "here", addresses: [address], prefix, tiers: DEFAULT_TIERS },
  );
}

/** Rows of one byte each, to different places. */
function manyRows(number: number, rows = 300) {
  return windowOf(
    TEN_O_CLOCK + number * 10_000,
    Array.from({ length: rows }, (_, index) =>
      traffic(web, outside(`192.0.${index >> 8}.${index & 255}`), { bytes: 1 }),
    ),
  );
}

/** Bytes in windows, from the first to before the last. */
async function bytesOf(store: FlowStore, first: number, last: number): Promise<number> {
  const answer = await store.sums({
    slots: { start: TEN_O_CLOCK + first * 10_000, milliseconds: (last - first) * 10_000, count: 1 },
    parts: [],
    totals: [ALWAYS],
    measure: "bytes",
    limit: 1,
    ranked: "all",
  });
  return answer.totals[0]?.[0]?.bytes ?? Number.NaN;
}

async function ask(method: string, path: string, body?: object): Promise<Response> {
  const init =
    body === undefined
      ? { method }
      : { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(new URL(path, server.address), init);
  expect(response.ok, await response.clone().text()).toBe(true);
  return response;
}

describe.skipIf(JARS === undefined)("a store in an OpenSearch that has trouble (make test-opensearch)", () => {
  beforeAll(async () => {
    server = await startOpenSearch();
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(() => {
    prefix = `trouble-${++count}`;
  });

  test("counts nothing twice when answers get lost, neither of windows nor of what they are rolled up to", async () => {
    await using proxy = await startLossyProxy(server.address, /_bulk|_doc\/holder/);
    await using store = open(proxy.address);
    for (let number = 0; number < 26; number++) await store.take(manyRows(number));
    expect(proxy.lost).toBeGreaterThan(10);
    // Whole minutes are read from roll-ups, the rest from windows.
    expect(await bytesOf(store, 0, 26)).toBe(26 * 300);
    expect(await bytesOf(store, 3, 23)).toBe(20 * 300);
    const found = await ask("GET", `/${prefix}-minute-*/_count`);
    expect(await found.json()).toMatchObject({ count: 4 * 300 });
  });

  test("goes on where it was when it is closed and opened again, in the middle of a window, too", async () => {
    for (const first of [0, 3, 9]) {
      await using store = open(server.address);
      for (let number = first; number < first + 4; number++) await store.take(manyRows(number, 7));
    }
    await using store = open(server.address);
    // Windows 3 came in two parts: the last of the one and the first of the next.
    const windows = [await bytesOf(store, 0, 13), await bytesOf(store, 0, 6), await bytesOf(store, 3, 4)];
    expect(windows).toEqual([84, 49, 14]);
  });

  test("does again what was rolled up in part when it was killed", async () => {
    await using first = open(server.address);
    for (let number = 0; number < 7; number++) await first.take(manyRows(number, 20));
    await first.close();
    // As if the end had come when half of the minute was written.
    const half = { query: { range: { "destination.addressBits": { gte: "v4 c000000a" } } } };
    await ask("POST", `/${prefix}-minute-2026.11.20-0000/_refresh`);
    const indices = (await (await ask("GET", `/_data_stream/${prefix}-minute-*`)).json()) as {
      data_streams: { indices: { index_name: string }[] }[];
    };
    const index = indices.data_streams[0]?.indices[0]?.index_name ?? "";
    const hits = (await (await ask("POST", `/${index}/_search`, { size: 100, ...half })).json()) as {
      hits: { hits: { _id: string }[] };
    };
    expect(hits.hits.hits).toHaveLength(10);
    for (const { _id } of hits.hits.hits) await ask("DELETE", `/${index}/_doc/${_id}?refresh=true`);

    await using store = open(server.address);
    await store.take(manyRows(7, 20));
    expect(await bytesOf(store, 0, 6)).toBe(6 * 20);
  });

  test("killed and started again: what was tried meanwhile is there, once", { timeout: 120_000 }, async () => {
    await using store = open(server.address);
    for (let number = 0; number < 3; number++) await store.take(manyRows(number));
    await server.kill();
    const waiting = [3, 4, 5].map((number) => store.take(manyRows(number)));
    await expect.poll(() => store.state().failing?.reason, PATIENT).toContain("cannot reach OpenSearch at");
    await expect(
      store.sums({
        slots: { start: TEN_O_CLOCK, milliseconds: 60_000, count: 1 },
        parts: [],
        totals: [ALWAYS],
        measure: "bytes",
        limit: 1,
        ranked: "all",
      }),
    ).rejects.toMatchObject({ code: "unavailable" });
    await server.startAgain();
    await Promise.all(waiting);
    expect(store.state()).toMatchObject({ failing: undefined, taken: { windows: 6 }, lost: { windows: 0, rows: 0 } });
    expect(await bytesOf(store, 0, 6)).toBe(6 * 300);
  });

  test("away for longer than a minute: counts what it loses, says why, and takes windows again", {
    timeout: 120_000,
  }, async () => {
    const clock = new ManualClock();
    const logger = new RecordingLogger();
    await using store = open(server.address, { clock, logger });
    await store.take(manyRows(0));
    await server.kill();
    const lost = [1, 2, 3].map((number) => store.take(manyRows(number)).catch((error: unknown) => error));
    await expect.poll(() => store.state().failing, PATIENT).toBeDefined();
    const late = setInterval(() => clock.advance(5000), 20);
    for (const error of await Promise.all(lost)) expect(error).toMatchObject({ code: "unavailable" });
    clearInterval(late);
    // Only the first is tried for a minute: to stop takes no minute for each that waits.
    expect(clock.monotonic()).toBeLessThan(100_000);
    expect(store.state()).toMatchObject({
      failing: { reason: expect.stringContaining("cannot reach OpenSearch at") as string },
      taken: { windows: 1, rows: 300 },
      lost: { windows: 3, rows: 900 },
    });
    await server.startAgain();
    await store.take(manyRows(4));
    expect(store.state().failing).toBeUndefined();
    expect([await bytesOf(store, 0, 5), await bytesOf(store, 1, 4)]).toEqual([600, 0]);
  });

  test("not there when the collector starts is waited for", { timeout: 120_000 }, async () => {
    await server.kill();
    await using store = open(server.address);
    const waiting = store.take(manyRows(0));
    await expect.poll(() => store.state().failing, PATIENT).toBeDefined();
    await server.startAgain();
    await waiting;
    expect(await bytesOf(store, 0, 1)).toBe(300);
  });

  test("whose disk is full: waits until its streams are open for writing again", { timeout: 60_000 }, async () => {
    await using store = open(server.address);
    await store.take(manyRows(0));
    const block = (value: boolean | null) =>
      ask("PUT", `/${prefix}-*/_settings`, { "index.blocks.read_only_allow_delete": value });
    await block(true);
    const waiting = store.take(manyRows(1));
    await expect.poll(() => store.state().failing?.reason, PATIENT).toContain("blocked by");
    expect(await bytesOf(store, 0, 1)).toBe(300);
    await block(null);
    await waiting;
    expect(store.state()).toMatchObject({ failing: undefined, lost: { rows: 0 } });
    expect(await bytesOf(store, 0, 2)).toBe(600);
  });

  test("keeps the rest of a window of which it refuses a row, and counts that", async () => {
    const logger = new RecordingLogger();
    await using store = open(server.address, { logger });
    // Longer than what Lucene takes as one word.
    const groups = Array.from({ length: 700 }, (_, index) => `${index}-${"g".repeat(50)}`);
    const large = container("shop/web/large", "10.20.0.8", { groups });
    const rows = [traffic(web, large, { bytes: 5 }), traffic(web, outside("192.0.2.1"), { bytes: 3 })];
    await store.take(windowOf(TEN_O_CLOCK, rows, [sampled(rows[0] as (typeof rows)[0], TEN_O_CLOCK)]));
    expect(store.state()).toMatchObject({ taken: { windows: 1, rows: 1, samples: 1 }, lost: { windows: 0, rows: 1 } });
    expect(await bytesOf(store, 0, 1)).toBe(3);
  });

  test("answers a question again when its streams were deleted under it", async () => {
    await using store = open(server.address);
    await store.take(manyRows(0));
    await ask("DELETE", `/_data_stream/${prefix}-fine-*`);
    expect(await bytesOf(store, 0, 1)).toBe(0);
    await store.take(manyRows(1));
    expect(await bytesOf(store, 0, 2)).toBe(300);
  });
});
