export { type ComplianceOptions, storeCompliance } from "./store-compliance.ts";
export type { StoreHarness } from "./store-harness.ts";
export { storeWith } from "./store-with.ts";
