export type { AttachedPort, DatapathDriver, EndpointWiring, PortEvent, RowStatus } from "./driver.ts";
export { type ConnectSwitch, createOvsDriver, type OvsDriverDependencies } from "./drivers/ovs/driver.ts";
export { createHostTools, type HostTools } from "./drivers/ovs/host-tools.ts";
export { type OpenOvsOptions, openOvsDriver } from "./drivers/ovs/open.ts";
export { type DatapathType, type OvsDriverOptions, type OvsSettings, readSettings } from "./drivers/ovs/options.ts";
export { type RemovalOptions, type Removed, removeOvsDatapath } from "./drivers/ovs/removal.ts";
export type { Operations, RowRef, TableDefinition } from "./reconcile/operations.ts";
export { Reconciler } from "./reconcile/reconciler.ts";
export { Table } from "./reconcile/table.ts";
