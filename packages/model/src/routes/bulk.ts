import { bulkResultsSchema, MOST_BULK_BYTES, newClaimsSchema, releasesSchema } from "../bulk.ts";
import { networkParams } from "../page.ts";
import { route } from "../route.ts";

/** Many claims in one request. The paths lie beside those of single claims, because any name may be an identity. */
export const bulkRoutes = {
  createClaims: route({
    id: "createClaims",
    method: "POST",
    path: "/v1/tenants/{tenant}/networks/{network}/bulk/claims",
    summary: "Make up to 10,000 claims, all or nothing or each for itself; the reply says what became of every item.",
    tag: "claim",
    params: networkParams,
    body: newClaimsSchema,
    reply: bulkResultsSchema,
    status: 200,
    idempotent: true,
    maxBodyBytes: MOST_BULK_BYTES,
    errors: ["not_found", "conflict"],
  }),
  releaseClaims: route({
    id: "releaseClaims",
    method: "POST",
    path: "/v1/tenants/{tenant}/networks/{network}/bulk/releases",
    summary:
      "Release up to 10,000 claims, all or nothing or each for itself; the reply says what became of every item.",
    tag: "claim",
    params: networkParams,
    body: releasesSchema,
    reply: bulkResultsSchema,
    status: 200,
    idempotent: true,
    maxBodyBytes: MOST_BULK_BYTES,
    errors: ["not_found", "conflict"],
  }),
} as const;
