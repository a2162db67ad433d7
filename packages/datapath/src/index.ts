export type {
  AddressConflict,
  AddressQuestion,
  AttachedPort,
  DatapathDriver,
  EndpointWiring,
  GuardCounter,
  OwnBlock,
  PolicyDatapath,
  PortEvent,
  RowStatus,
  RuleCounter,
  WiredInterface,
} from "./driver.ts";
export { type OpenMachineOptions, openMachineDriver } from "./drivers/combined/open.ts";
export { createKernelDriver, type KernelDriverDependencies } from "./drivers/kernel/driver.ts";
export { type OpenKernelOptions, openKernelDriver } from "./drivers/kernel/open.ts";
export { type KernelRemovalOptions, type KernelRemoved, removeKernelDatapath } from "./drivers/kernel/removal.ts";
export type { ConnectSwitch, OvsDriverDependencies } from "./drivers/ovs/dependencies.ts";
export { createOvsDriver } from "./drivers/ovs/driver.ts";
export { type OpenOvsOptions, openOvsDriver } from "./drivers/ovs/open.ts";
export { type DatapathType, type OvsDriverOptions, type OvsSettings, readSettings } from "./drivers/ovs/options.ts";
export { type RemovalOptions, type Removed, removeOvsDatapath } from "./drivers/ovs/removal.ts";
export { type FlowExport, type FlowExportOptions, startFlowExport } from "./flow-export/flow-export.ts";
export type { FlowExportSettings } from "./flow-export/settings.ts";
export { createHostTools, type HostTools } from "./machine/host-tools.ts";
export type { Uplink } from "./qos/guarantee-table.ts";
export type { Operations, RowRef, TableDefinition } from "./reconcile/operations.ts";
export { Reconciler } from "./reconcile/reconciler.ts";
export { Table } from "./reconcile/table.ts";
