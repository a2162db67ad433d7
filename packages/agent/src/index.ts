export { type Agent, type AgentDependencies, type AgentSettings, startAgent } from "./agent.ts";
export { agentOptions, type DatapathType } from "./config.ts";
export { createMachineSandboxes } from "./machine-sandboxes.ts";
export { usesSwitch } from "./switch-use.ts";
