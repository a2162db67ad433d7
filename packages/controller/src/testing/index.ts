export { dump, type EngineHarness, settled, startEngine } from "./engine-harness.ts";
export { refusal } from "./refusal.ts";
export { type Answer, type ServerHarness, startServer } from "./server-harness.ts";
