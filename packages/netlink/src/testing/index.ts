export { FakeKernel, type KernelOperation } from "./fake-kernel.ts";
export { type KernelEnvironment, kernelCompliance } from "./kernel-compliance.ts";
export {
  createTestNamespace,
  sweepTestNamespaces,
  type TestNamespace,
  withTestNamespaces,
} from "./test-namespaces.ts";
