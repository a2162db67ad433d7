import { z } from "zod";
import { addressField, nameField } from "../fields.ts";
import { pageOf, pageQuery } from "../page.ts";
import { quarantinedAddressSchema } from "../quarantine.ts";
import { route } from "../route.ts";

export const quarantinePageSchema = pageOf(quarantinedAddressSchema, "QuarantinePage");

export const quarantineRoutes = {
  listQuarantine: route({
    id: "listQuarantine",
    method: "GET",
    path: "/v1/quarantine",
    summary: "List addresses that are given to nobody, because a machine outside answered for them.",
    tag: "ip",
    query: z.strictObject({ ...pageQuery, tenant: nameField.optional(), network: nameField.optional() }),
    reply: quarantinePageSchema,
    status: 200,
    errors: [],
  }),
  releaseQuarantine: route({
    id: "releaseQuarantine",
    method: "POST",
    path: "/v1/tenants/{tenant}/networks/{network}/quarantine/{address}/release",
    summary: "Give an address out again; it is looked for outside once more before it is used. Recorded.",
    tag: "ip",
    params: z.strictObject({ tenant: nameField, network: nameField, address: addressField }),
    body: z
      .strictObject({
        /** Why, for the record. */
        reason: z.string().max(500).optional(),
      })
      .meta({ id: "QuarantineRelease" }),
    reply: quarantinedAddressSchema,
    status: 200,
    errors: ["not_found"],
  }),
} as const;
