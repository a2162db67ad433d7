import { silentLogger, systemClock } from "@holdfast/core";
import { describe } from "vitest";
import { flowStoreSuite, SUITE_TIERS } from "../testing/store-suite/store-suite.ts";
import { openDuckStore } from "./duck-store.ts";

describe("the DuckDB store", () => {
  flowStoreSuite(() =>
    openDuckStore(
      { clock: systemClock, logger: silentLogger },
      { path: ":memory:", memoryMib: 256, tiers: SUITE_TIERS },
    ),
  );
});
