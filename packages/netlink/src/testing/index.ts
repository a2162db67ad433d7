export {
  createTestNamespace,
  sweepTestNamespaces,
  type TestNamespace,
  withTestNamespaces,
} from "./test-namespaces.ts";
