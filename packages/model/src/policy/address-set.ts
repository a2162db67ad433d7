import { z } from "zod";
import { cidrField, labelsField, nameField, revisionField, timeField } from "../fields.ts";

/** How many prefixes and addresses an address set may have. */
export const MOST_SET_ENTRIES = 100_000;

/** Named prefixes and addresses, of both families; its entries are asked for, and changed, apart. */
export const addressSetSchema = z
  .strictObject({
    tenant: nameField,
    name: nameField,
    /** Number of entries. */
    size: z.int().min(0).max(MOST_SET_ENTRIES),
    labels: labelsField,
    createdAt: timeField,
    revision: revisionField,
  })
  .meta({ id: "AddressSet" });
export type AddressSet = z.output<typeof addressSetSchema>;

/** Prefixes; a single address is one of 32 or 128 bits. */
export const setEntriesField = z.array(cidrField).max(MOST_SET_ENTRIES);

export const newAddressSetSchema = z
  .strictObject({ name: nameField, entries: setEntriesField.default([]), labels: labelsField.default({}) })
  .meta({ id: "NewAddressSet" });
export type NewAddressSet = z.output<typeof newAddressSetSchema>;

/** Adding what is there, and removing what is not, are no changes. What is in both is there afterwards. */
export const addressSetPatchSchema = z
  .strictObject({
    add: setEntriesField.optional(),
    remove: setEntriesField.optional(),
    labels: labelsField.optional(),
  })
  .meta({ id: "AddressSetPatch", examples: [{ add: ["192.0.2.0/24"], remove: ["198.51.100.7/32"] }] });
export type AddressSetPatch = z.output<typeof addressSetPatchSchema>;

/** How large a body with entries may be, in bytes. */
export const MOST_SET_BYTES = 8 * 1024 * 1024;
