import { describe } from "vitest";
import { createMemoryStore } from "./memory-store.ts";
import { flowStoreSuite, SUITE_TIERS } from "./store-suite/store-suite.ts";

describe("the plain store", () => {
  flowStoreSuite(async () => createMemoryStore(SUITE_TIERS));
});
