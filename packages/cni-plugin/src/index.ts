export type { PluginDependencies } from "./dependencies.ts";
export { type CniPlugin, createCniPlugin } from "./plugin.ts";
export { CniError, CniErrorCode, errorOutput } from "./protocol/cni-error.ts";
export { type Invocation, readInvocation, type Workload } from "./protocol/invocation.ts";
export { CAPABILITIES, type NetworkConfig, readNetworkConfig } from "./protocol/network-config.ts";
export { type CniInterface, type CniResult, type CniRoute, readResult, resultOutput } from "./protocol/result.ts";
export { type CniVersion, isCniVersion, SUPPORTED_VERSIONS, supports, versionOutput } from "./protocol/versions.ts";
export { type CniServer, type CniServerOptions, createCniServer, type Handler } from "./server/server.ts";
