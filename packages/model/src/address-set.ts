import { z } from "zod";
import { cidrField, labelsField, nameField, revisionField, timeField } from "./fields.ts";

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
