export { AddressPool, type AddressState, type Allocation } from "./address-pool.ts";
export type { AddressRange, Subnet } from "./subnet-layout.ts";
export type { PoolOptions, SubnetUtilisation } from "./subnet-pool.ts";
