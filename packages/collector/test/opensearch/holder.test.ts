import { silentLogger } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { SILENCE } from "../../src/opensearch/holder.ts";
import { createSearchStore } from "../../src/opensearch/opensearch-store.ts";
import { DEFAULT_TIERS, type FlowStore } from "../../src/store/store.ts";
import { container, outside, TEN_O_CLOCK, traffic, windowOf } from "../../src/testing/made-traffic.ts";
import { JARS, type OpenSearch, startOpenSearch } from "./opensearch-process.ts";

/** The machine may have much to do. */
const PATIENT = { timeout: 20_000 };
const web = container("shop/web/web-0", "10.20.0.7");

describe.skipIf(JARS === undefined)("two collectors with the same data streams (make test-opensearch)", () => {
  let server: OpenSearch;
  let clock: ManualClock;
  let prefix: string;
  let count = 0;
  beforeAll(async () => {
    server = await startOpenSearch();
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(() => {
    prefix = `held-${++count}`;
    clock = new ManualClock();
  });

  function open(host: string): FlowStore {
    const dependencies = { clock, logger: silentLogger, nonce: () => `run-${++count}` };
    return createSearchStore(dependencies, { addresses: [server.address], prefix, host, tiers: DEFAULT_TIERS });
  }

  const take = (store: FlowStore, number: number): Promise<void> =>
    store.take(windowOf(TEN_O_CLOCK + number * 10_000, [traffic(web, outside("192.0.2.1"))]));

  test("are not let do it: the second one is told whose they are", async () => {
    await using first = open("h1");
    await take(first, 0);
    const second = open("h2");
    const refused = take(second, 0).catch((error: unknown) => error);
    await expect
      .poll(() => second.state().failing?.reason, PATIENT)
      .toMatch(/^the collector of h1 writes held-\d+-\* at .*--opensearch-prefix$/);
    await second.close();
    await refused;
    expect(second.state().lost).toMatchObject({ windows: 1 });
    await take(first, 1);
  });

  test("follow each other at once when the first one has ended", async () => {
    const first = open("h1");
    await take(first, 0);
    await first.close();
    await using second = open("h2");
    await take(second, 1);
  });

  test("follow each other when the first one is silent, which is refused when it comes back", async () => {
    await using first = open("h1");
    await take(first, 0);
    clock.advance(SILENCE);
    await using second = open("h2");
    await take(second, 1);
    const refused = take(first, 1).catch((error: unknown) => error);
    await expect.poll(() => first.state().failing?.reason, PATIENT).toContain("the collector of h2 writes");
    await first.close();
    await refused;
    await take(second, 2);
  });

  test("follow each other at once on the same machine, as after a kill, and only once", async () => {
    await using first = open("h1");
    await take(first, 0);
    await using second = open("h1");
    await take(second, 1);
    const refused = take(first, 1).catch((error: unknown) => error);
    await expect.poll(() => first.state().failing?.reason, PATIENT).toContain("the collector of h1 writes");
    await first.close();
    await refused;
    await take(second, 2);
  });
});
