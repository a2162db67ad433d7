import { z } from "zod";
import { claimMoveSchema, claimPatchSchema, claimSchema, newClaimSchema } from "../claim.ts";
import { addressField, identityField, momentField, nameField } from "../fields.ts";
import { addressStorySchema } from "../ledger.ts";
import { networkParams, pageOf, pageQuery, selectorField } from "../page.ts";
import { route } from "../route.ts";
import { verificationMessageSchema } from "../verification.ts";

export const claimParams = z.strictObject({ tenant: nameField, network: nameField, identity: identityField });
export const claimPageSchema = pageOf(claimSchema, "ClaimPage");

export const claimRoutes = {
  createClaim: route({
    id: "createClaim",
    method: "POST",
    path: "/v1/tenants/{tenant}/networks/{network}/claims",
    summary: "Claim addresses for an identity, before any container exists.",
    tag: "claim",
    params: networkParams,
    body: newClaimSchema,
    reply: claimSchema,
    status: 201,
    idempotent: true,
    errors: [
      "not_found",
      "already_exists",
      "address_in_use",
      "address_out_of_range",
      "pool_exhausted",
      "quota_exceeded",
      "conflict",
    ],
  }),
  listClaims: route({
    id: "listClaims",
    method: "GET",
    path: "/v1/claims",
    summary: "List claims, of all tenants or as filtered.",
    tag: "claim",
    query: z.strictObject({
      ...pageQuery,
      tenant: nameField.optional(),
      network: nameField.optional(),
      node: nameField.optional(),
      selector: selectorField,
    }),
    reply: claimPageSchema,
    status: 200,
    errors: [],
  }),
  getClaim: route({
    id: "getClaim",
    method: "GET",
    path: "/v1/tenants/{tenant}/networks/{network}/claims/{identity}",
    summary: "Read a claim.",
    tag: "claim",
    params: claimParams,
    reply: claimSchema,
    status: 200,
    errors: ["not_found"],
  }),
  updateClaim: route({
    id: "updateClaim",
    method: "PATCH",
    path: "/v1/tenants/{tenant}/networks/{network}/claims/{identity}",
    summary: "Change a claim's retention or labels.",
    tag: "claim",
    params: claimParams,
    body: claimPatchSchema,
    reply: claimSchema,
    status: 200,
    conditional: true,
    errors: ["not_found", "precondition_failed"],
  }),
  moveClaim: route({
    id: "moveClaim",
    method: "POST",
    path: "/v1/tenants/{tenant}/networks/{network}/claims/{identity}/move",
    summary: "Take a claim off the endpoint that has it, so that it can be bound elsewhere; recorded.",
    tag: "claim",
    params: claimParams,
    body: claimMoveSchema,
    reply: claimSchema,
    status: 200,
    errors: ["not_found", "claim_bound"],
  }),
  releaseClaim: route({
    id: "releaseClaim",
    method: "DELETE",
    path: "/v1/tenants/{tenant}/networks/{network}/claims/{identity}",
    summary: "Release a claim that no endpoint has.",
    tag: "claim",
    params: claimParams,
    status: 204,
    conditional: true,
    errors: ["not_found", "claim_bound", "precondition_failed"],
  }),
  explainAddress: route({
    id: "explainAddress",
    method: "GET",
    path: "/v1/ip/{address}",
    summary:
      "Who has an address, since when, why, and who had it before, or who had it at a moment; one story per network that covers it.",
    tag: "ip",
    params: z.strictObject({ address: addressField }),
    query: z.strictObject({
      tenant: nameField.optional(),
      network: nameField.optional(),
      /** Answer as of this moment, by the ledger. Absent: now. */
      at: momentField.optional(),
    }),
    reply: z.strictObject({ items: z.array(addressStorySchema) }).meta({ id: "AddressStories" }),
    status: 200,
    errors: ["not_found"],
  }),
  verifyAddresses: route({
    id: "verifyAddresses",
    method: "POST",
    path: "/v1/ip/verify",
    summary:
      "Compare the address book with itself and with the nodes, name each difference, and repair what is proven if asked to.",
    tag: "ip",
    query: z.strictObject({
      tenant: nameField.optional(),
      network: nameField.optional(),
      node: nameField.optional(),
      /** Repair what is proven. */
      fix: z.enum(["true", "false"]).default("false"),
    }),
    reply: verificationMessageSchema,
    status: 200,
    stream: true,
    errors: ["not_found"],
  }),
} as const;
