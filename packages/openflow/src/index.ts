export {
  arpRequest,
  arpResponder,
  CONTROLLER_PORT,
  LOCAL_PORT,
  neighborSolicitation,
  setAddress,
  setMac,
  setRegister,
  vxlanOutput,
} from "./builders.ts";
export { connectOpenFlow, type OpenFlowDependencies, type OpenFlowOptions } from "./connect.ts";
export { type ConnectionTuple, connectionState, NOT_SYN, type WholeZone } from "./connections.ts";
export type { Action, FieldName, Flow, FlowKey, Masked, Match, RegisterName } from "./flow.ts";
export { flowKey, formatActions, formatFlow } from "./format.ts";
export { formatMatch } from "./format-match.ts";
export { formatMeter, type Meter } from "./meter.ts";
export type { FlowChange, ObservedFlow, OpenFlowSwitch, PacketIn, SwitchPort } from "./switch.ts";
