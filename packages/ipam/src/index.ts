export { AddressPool, type AddressState, type AllocateRequest, type Allocation } from "./address-pool.ts";
export type { AddressRange, OwnRange, Subnet } from "./subnet-layout.ts";
export type { FreeBlock, PoolOptions, SubnetUtilisation } from "./subnet-use.ts";
