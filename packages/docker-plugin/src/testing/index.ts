export { type CnmCase, type CnmSubject, missingNeeds, type Need } from "./cnm-case.ts";
export { CNM_CASES, type CnmCaseOptions, runCnmCase } from "./cnm-suite.ts";
export { type CallReply, DIALECTS, type Dialect, DOCKER_20, DOCKER_29, DockerCaller } from "./docker-caller.ts";
export {
  dockerId,
  type NetworkPlan,
  PlayedDaemon,
  type PlayedEndpoint,
  type PlayedNetwork,
  type RunPlan,
} from "./docker-daemon.ts";
export type { FakeClaim } from "./fake-address-book.ts";
export { FakeEngine } from "./fake-engine.ts";
export { fakeNetwork, fakeRoutedNetwork } from "./fake-network.ts";
export { type FakeEndpoint, FakeWorkloads, type FakeWorkloadsOptions } from "./fake-workloads.ts";
export { MemoryState } from "./memory-state.ts";
