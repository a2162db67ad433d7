import type { Cidr, Family } from "@holdfast/core";
import type { AddressRange } from "./subnet-layout.ts";

/** How full a subnet is. */
export interface SubnetUtilisation {
  readonly subnet: Cidr;
  readonly family: Family;
  /** Addresses that can be given automatically, to everybody or to owners of ranges: ranges without exclusions and gateway. */
  readonly allocatable: bigint;
  /** Addresses in use, those included that are not allocatable. */
  readonly used: number;
  /** Released addresses that nobody but their former owner can have yet, likewise. */
  readonly cooling: number;
  /** Addresses that only an owner of theirs may have, and that are not in use. */
  readonly setAside: number;
  /** Addresses that would be given automatically now, to everybody. */
  readonly free: bigint;
  /** Owners of ranges: how much they have, and how much of it they would be given now. */
  readonly own: readonly { readonly owner: string; readonly allocatable: bigint; readonly free: bigint }[];
}

/** Which of a subnet's addresses will do. */
export interface Wanted {
  /** One of his ranges. Absent: what is for everybody. */
  readonly owner?: string | undefined;
  /** Absent: anywhere. */
  readonly within?: AddressRange | undefined;
}

/** An aligned part of a subnet that is free. */
export interface FreeBlock {
  /** e.g. `"10.20.0.128/28"`. */
  readonly prefix: Cidr;
  /** What in it is given automatically, in ascending order. */
  readonly ranges: readonly AddressRange[];
}

export interface PoolOptions {
  /** For how long a released address is given to nobody else, in milliseconds. Default 60000. */
  readonly cooldownMilliseconds?: number;
  /**
   * How many released addresses are remembered after that, per subnet, to be given again in the order of their release. Older ones
   * are free as if they had never been used. Default 65536.
   */
  readonly rememberedReleases?: number;
}
