export { dump, type EngineHarness, settled, startEngine } from "./engine-harness.ts";
export { refusal } from "./refusal.ts";
