export { type ComplianceOptions, storeCompliance } from "./store-compliance.ts";
export type { StoreHarness } from "./store-harness.ts";
