export { openFlowCompliance, type SwitchUnderTest } from "./compliance.ts";
export { type FailingOperation, FakeSwitch } from "./fake-switch.ts";
export { SAMPLE_FLOWS } from "./sample-flows.ts";
