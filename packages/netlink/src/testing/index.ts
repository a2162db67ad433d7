export { FakeKernel, type KernelOperation } from "./fake-kernel.ts";
export { FakeTraffic } from "./fake-traffic.ts";
export { type KernelEnvironment, kernelCompliance } from "./kernel-compliance.ts";
export { Ping } from "./ping.ts";
export {
  createTestNamespace,
  sweepTestNamespaces,
  type TestNamespace,
  withTestNamespaces,
} from "./test-namespaces.ts";
export { type TrafficEnvironment, trafficCompliance } from "./traffic-compliance.ts";
