export { connectOvsdb, type OvsdbOptions } from "./connect-ovsdb.ts";
export type { MonitorRequest } from "./monitor.ts";
export { createOpenVSwitch, type OpenVSwitch } from "./open-vswitch.ts";
export {
  type BridgeRow,
  type FailMode,
  type InterfaceRow,
  OPEN_VSWITCH_MONITORS,
  type PortRow,
  type SwitchRow,
  type VlanMode,
} from "./open-vswitch-rows.ts";
export type {
  BridgeOptions,
  ExternalIdsChange,
  InterfaceOptions,
  PortOptions,
  SwitchView,
} from "./open-vswitch-transactions.ts";
export type {
  Atom,
  Mutation,
  NamedRef,
  OperationResult,
  OvsdbClient,
  OvsdbOperation,
  Row,
  RowChange,
  UuidRef,
  Value,
  WhereClause,
  WireRow,
  WireValue,
} from "./ovsdb.ts";
export { createSwitchControl, type SwitchControl } from "./switch-control.ts";
export { isConflict } from "./transaction.ts";
