export {
  createDockerPlugin,
  type DockerPlugin,
  type DockerPluginDependencies,
  type DockerPluginOptions,
} from "./docker-plugin.ts";
export type { PortProbe } from "./drivers/host-ports.ts";
export type { Sandboxes } from "./drivers/sandbox.ts";
export {
  createPluginMemory,
  type EndpointRecord,
  type NetworkRecord,
  type PluginMemory,
  type PluginState,
} from "./drivers/state.ts";
export type { Engine, EngineEndpoint, EngineNetwork, NewEngineNetwork } from "./engine/engine.ts";
export { createEngineClient } from "./engine/engine-client.ts";
