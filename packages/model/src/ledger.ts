import { z } from "zod";
import { addressField, identityField, nameField, revisionField, timeField } from "./fields.ts";

/** One thing that happened to an address. */
export const ledgerEntrySchema = z
  .strictObject({
    tenant: nameField,
    network: nameField,
    address: addressField,
    identity: identityField,
    event: z.enum(["claimed", "bound", "detached", "moved", "released", "expired", "reclaimed"]),
    at: timeField,
    actor: z.string().max(100),
    node: nameField.optional(),
    endpoint: z.string().optional(),
    reason: z.string().max(1000).optional(),
    revision: revisionField,
  })
  .meta({ id: "LedgerEntry" });
export type LedgerEntry = z.output<typeof ledgerEntrySchema>;

/** Everything known of an address in one network. */
export const addressStorySchema = z
  .strictObject({
    tenant: nameField,
    network: nameField,
    address: addressField,
    /** `outside`: in a subnet but not allocatable (gateway, excluded, network or broadcast address). */
    state: z.enum(["free", "cooling", "claimed", "bound", "outside"]),
    identity: identityField.optional(),
    node: nameField.optional(),
    endpoint: z.string().optional(),
    since: timeField.optional(),
    /** One plain sentence. */
    summary: z.string(),
    /** Oldest first. */
    history: z.array(ledgerEntrySchema),
  })
  .meta({ id: "AddressStory" });
export type AddressStory = z.output<typeof addressStorySchema>;
