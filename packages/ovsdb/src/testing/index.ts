export {
  type FakeOvsdbOptions,
  type FakeOvsdbServer,
  type MonitorMethod,
  startFakeOvsdbServer,
} from "./fake-ovsdb-server.ts";
export { type OvsdbSubject, ovsdbCompliance } from "./ovsdb-compliance.ts";
export { type SocketProxy, startSocketProxy } from "./socket-proxy.ts";
export { type RunningOvs, type StartOvsOptions, startOvs } from "./start-ovs.ts";
