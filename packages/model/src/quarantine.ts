import { z } from "zod";
import {
  addressField,
  endpointIdField,
  identityField,
  macField,
  nameField,
  revisionField,
  timeField,
} from "./fields.ts";

/** How nodes look for machines outside that have an address of a VLAN, before its claim uses it for the first time. */
export const conflictProbeSchema = z
  .strictObject({
    /** How often an address is asked for. */
    probes: z.int().min(1).max(10).default(3),
    /** Milliseconds that it takes when nobody answers: each first start on the network is longer by that. */
    milliseconds: z.int().min(50).max(10_000).default(300),
    /** After this an address leaves quarantine by itself. Absent: when somebody releases it. */
    quarantineSeconds: z.int().min(60).max(31_536_000).optional(),
  })
  .meta({ id: "ConflictProbe" });
export type ConflictProbe = z.output<typeof conflictProbeSchema>;

/** A machine that nobody here knows has answered for an address. */
export const foundConflictSchema = z
  .strictObject({ address: addressField, mac: macField, at: timeField })
  .meta({ id: "FoundConflict" });
export type FoundConflict = z.output<typeof foundConflictSchema>;

/** An address that is given to nobody, because a machine outside has it. */
export const quarantinedAddressSchema = z
  .strictObject({
    tenant: nameField,
    network: nameField,
    address: addressField,
    /** Who answered for it. */
    mac: macField,
    /** The node that heard it, for which endpoint of whom. */
    node: nameField,
    endpoint: endpointIdField,
    identity: identityField,
    since: timeField,
    /** When it ends by itself. Absent: it does not. */
    until: timeField.optional(),
    revision: revisionField,
  })
  .meta({ id: "QuarantinedAddress" });
export type QuarantinedAddress = z.output<typeof quarantinedAddressSchema>;
