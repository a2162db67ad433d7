import { IpAddress } from "@holdfast/core";
import { z } from "zod";
import { addressField, cidrField, nameField, timeField } from "./fields.ts";

/** Addresses from `first` to `last`, both included. */
export const rangeSchema = z
  .strictObject({ first: addressField, last: addressField })
  .meta({ id: "Range", examples: [{ first: "10.20.1.0", last: "10.20.1.255" }] });
export type Range = z.output<typeof rangeSchema>;

/** Whether an address lies between the ends; one of the other family does not. */
export function isInRange({ first, last }: Range, address: IpAddress): boolean {
  if (IpAddress.family(first) !== IpAddress.family(address)) return false;
  const value = IpAddress.toBigInt(address);
  return IpAddress.toBigInt(first) <= value && value <= IpAddress.toBigInt(last);
}

/** The subnet gives no new addresses; those that are claimed stay. */
export const drainingSchema = z
  .strictObject({
    since: timeField,
    /** Whether the subnet is removed when its last address is released. */
    removeWhenEmpty: z.boolean(),
  })
  .meta({ id: "Draining" });
export type Draining = z.output<typeof drainingSchema>;

export const subnetDrainSchema = z
  .strictObject({
    /** Remove the subnet when its last address is released; at once when there is none. */
    removeWhenEmpty: z.boolean().default(false),
  })
  .meta({ id: "SubnetDrain" });
export type SubnetDrain = z.output<typeof subnetDrainSchema>;

/** What is set aside for a group: nobody else gets an address of it, neither automatically nor by name. */
export const groupRangeSchema = z
  .strictObject({ group: nameField, first: addressField, last: addressField })
  .meta({ id: "GroupRange", examples: [{ group: "db", first: "10.20.1.0", last: "10.20.1.31" }] });
export type GroupRange = z.output<typeof groupRangeSchema>;

/** A prefix of a network: addresses on one link. */
export const subnetSchema = z
  .strictObject({
    prefix: cidrField,
    /** Absent: the subnet has no gateway. */
    gateway: addressField.optional(),
    /** What is handed out; empty: the whole prefix but network, broadcast and gateway. */
    ranges: z.array(rangeSchema).max(64),
    /** Never handed out by choice of ours, e.g. a physical machine's address. */
    exclusions: z.array(rangeSchema).max(256),
    /** Absent: it gives addresses. */
    draining: drainingSchema.optional(),
    /** Parts of the ranges that belong to groups. Absent: none. */
    groupRanges: z.array(groupRangeSchema).max(256).optional(),
  })
  .meta({ id: "Subnet" });
export type Subnet = z.output<typeof subnetSchema>;

export const newSubnetSchema = z
  .strictObject({
    prefix: cidrField,
    /** Absent: the first address of the prefix. Null: no gateway. A network of kind `routed` has none in its prefixes. */
    gateway: addressField.nullable().optional(),
    ranges: z.array(rangeSchema).max(64).default([]),
    exclusions: z.array(rangeSchema).max(256).default([]),
    /** Absent: none. */
    groupRanges: z.array(groupRangeSchema).max(256).optional(),
  })
  .meta({ id: "NewSubnet" });
export type NewSubnet = z.output<typeof newSubnetSchema>;

/** Takes the place of all ranges that a group has in a subnet. */
export const groupRangesSchema = z
  .strictObject({ ranges: z.array(rangeSchema).min(1).max(64) })
  .meta({ id: "GroupRanges" });
export type GroupRanges = z.output<typeof groupRangesSchema>;
