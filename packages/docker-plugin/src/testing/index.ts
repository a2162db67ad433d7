export { type CnmSubject, cnmConformance } from "./cnm-conformance.ts";
export { type CallReply, DIALECTS, type Dialect, DockerCaller } from "./docker-caller.ts";
export {
  dockerId,
  type NetworkPlan,
  PlayedDaemon,
  type PlayedEndpoint,
  type PlayedNetwork,
  type RunPlan,
} from "./docker-daemon.ts";
export {
  type FakeClaim,
  type FakeEndpoint,
  FakeWorkloads,
  type FakeWorkloadsOptions,
  fakeNetwork,
} from "./fake-workloads.ts";
export { MemoryState } from "./memory-state.ts";
