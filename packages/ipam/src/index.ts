export { AddressPool, type AddressState, type Allocation } from "./address-pool.ts";
export type { AddressRange, Subnet } from "./subnet-layout.ts";
export type { FreeBlock, PoolOptions, SubnetUtilisation } from "./subnet-use.ts";
