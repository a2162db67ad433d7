import { silentLogger, systemClock } from "@holdfast/core";
import { afterAll, beforeAll, describe } from "vitest";
import { createSearchStore } from "../../src/opensearch/opensearch-store.ts";
import { flowStoreSuite, SUITE_TIERS } from "../../src/testing/store-suite/store-suite.ts";
import { JARS, type OpenSearch, startOpenSearch } from "./opensearch-process.ts";

describe.skipIf(JARS === undefined)("the store in a real OpenSearch (make test-opensearch)", () => {
  let server: OpenSearch;
  let count = 0;
  beforeAll(async () => {
    server = await startOpenSearch();
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());

  flowStoreSuite(() =>
    Promise.resolve(
      createSearchStore(
        { clock: systemClock, logger: silentLogger, nonce: () => `run-${count}` },
        { host: "here", addresses: [server.address], prefix: `suite-${++count}`, tiers: SUITE_TIERS },
      ),
    ),
  );
});
