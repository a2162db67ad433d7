import { z } from "zod";
import { addressField, identityField, momentField, nameField } from "../fields.ts";
import { ledgerEventSchema, ledgerExportLineSchema, ledgerPageSchema } from "../ledger.ts";
import { pageQuery } from "../page.ts";
import { route } from "../route.ts";

/** What a reader of the ledger wants to see. */
const ledgerFilter = {
  tenant: nameField.optional(),
  network: nameField.optional(),
  address: addressField.optional(),
  identity: identityField.optional(),
  node: nameField.optional(),
  event: ledgerEventSchema.optional(),
  /** Entries from this moment on. Absent: all there are. */
  from: momentField.optional(),
  /** Entries before this moment. Absent: all there are. */
  to: momentField.optional(),
};

export const ledgerRoutes = {
  listLedger: route({
    id: "listLedger",
    method: "GET",
    path: "/v1/ledger",
    summary: "What happened to addresses, oldest first; a page may be short, and even empty, with more to come.",
    tag: "ip",
    query: z.strictObject({ ...pageQuery, ...ledgerFilter }),
    reply: ledgerPageSchema,
    status: 200,
    errors: [],
  }),
  exportLedger: route({
    id: "exportLedger",
    method: "GET",
    path: "/v1/ledger/export",
    summary: "The same as a stream, one entry per line, and a last line that says that it is complete.",
    tag: "ip",
    query: z.strictObject({
      ...ledgerFilter,
      /** `id` of the last entry that was received: goes on behind it. */
      after: z.string().max(100).optional(),
    }),
    reply: ledgerExportLineSchema,
    status: 200,
    stream: true,
    errors: [],
  }),
} as const;
