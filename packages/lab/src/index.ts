export { DEFAULT_ADDRESSES, type LabAddresses } from "./addresses.ts";
export { type ConfList, type PluginConf, readConfList } from "./cni/conf-list.ts";
export {
  type CniAnswer,
  type CniContainer,
  type CniExec,
  CniPluginError,
  type CniRuntime,
  type CniRuntimeOptions,
  createCniRuntime,
} from "./cni/runtime.ts";
export { createLabCommand, type LabCommandIo, runLabCommand } from "./command.ts";
export { CONTAINERD_IMAGE, CONTAINERD_SOCKET } from "./containerd.ts";
export {
  addressOf,
  answersFrom,
  type ContainerOptions,
  dockerNetwork,
  removeContainer,
  runContainer,
} from "./containers.ts";
export { type Cri, createCri, type Pod } from "./cri/cri.ts";
export { type DemoOptions, type DemoResult, runDemo } from "./demo/demo.ts";
export { destroyLab, sweepLabs } from "./destroy.ts";
export type { GuestPlace } from "./guest.ts";
export { LabHost } from "./host.ts";
export { IMAGE } from "./image.ts";
export {
  type Cable,
  createLab,
  Lab,
  type LabDependencies,
  type LabOptions,
  openLab,
  type RouterVlan,
  type Service,
} from "./lab.ts";
export { ANSWER_TIME, type GapReport } from "./measure/probe-log.ts";
export {
  type ProbeStream,
  startPingStream,
  startUdpEcho,
  startUdpStream,
  type UdpTarget,
} from "./measure/stream.ts";
export { Platform, type PlatformOptions, startPlatform } from "./platform.ts";
export type { LabProcess } from "./process.ts";
export { isAlive, type ProcessRef } from "./process-ref.ts";
export type { Readiness } from "./ready.ts";
export { type LabRecord, listRecords } from "./record.ts";
export { type Relay, startRelay } from "./relay.ts";
export type { Output } from "./run.ts";
export { type ExecOptions, LabSpace, type SpawnOptions } from "./space.ts";
