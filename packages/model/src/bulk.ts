import { z } from "zod";
import { claimSchema, newClaimSchema } from "./claim.ts";
import { identityField, revisionField } from "./fields.ts";
import { problemSchema } from "./problem.ts";

/** How many claims one request may make or release. */
export const MOST_BULK_ITEMS = 10_000;
/** How many addresses the claims of one request may have together: two for each. */
export const MOST_BULK_ADDRESSES = 2 * MOST_BULK_ITEMS;
/** What the body of such a request may have at most: 1.6 KiB for each of the items, labels included. */
export const MOST_BULK_BYTES = 16 * 1024 * 1024;

const bulkFields = {
  /** `all`: when one item is refused, nothing is done. `each`: what can be done is done. */
  mode: z.enum(["all", "each"]).default("all"),
  /** Decides and answers as if, and changes nothing. */
  dryRun: z.boolean().default(false),
};

export const newClaimsSchema = z
  .strictObject({
    ...bulkFields,
    /** The other address book that they come from: the ledger says `imported`, and from where. Absent: `claimed`. */
    importedFrom: z.string().min(1).max(200).optional(),
    items: z.array(newClaimSchema).min(1).max(MOST_BULK_ITEMS),
  })
  .meta({ id: "NewClaims" });
export type NewClaims = z.output<typeof newClaimsSchema>;

/** One claim to release. */
export const releaseSchema = z
  .strictObject({
    identity: identityField,
    /** Only when the claim still has this revision. Absent: any. */
    revision: revisionField.optional(),
  })
  .meta({ id: "Release" });
export type Release = z.output<typeof releaseSchema>;

export const releasesSchema = z
  .strictObject({ ...bulkFields, items: z.array(releaseSchema).min(1).max(MOST_BULK_ITEMS) })
  .meta({ id: "Releases" });
export type Releases = z.output<typeof releasesSchema>;

/** What became of one item. */
export const bulkResultSchema = z
  .discriminatedUnion("outcome", [
    /** The claim as it was made, or as it was when it was released. */
    z.strictObject({ outcome: z.literal("done"), claim: claimSchema }),
    /** What the request for this item alone would have been answered with. */
    z.strictObject({ outcome: z.literal("refused"), identity: identityField, problem: problemSchema }),
    /** Nothing is wrong with it; it was not done because others of the request were refused. */
    z.strictObject({ outcome: z.literal("skipped"), identity: identityField }),
  ])
  .meta({ id: "BulkResult" });
export type BulkResult = z.output<typeof bulkResultSchema>;

export const bulkResultsSchema = z
  .strictObject({
    /** Nothing was changed: `done` is what would have been. */
    dryRun: z.boolean(),
    done: z.int().min(0),
    refused: z.int().min(0),
    skipped: z.int().min(0),
    /** One for each item of the request, in its order. */
    results: z.array(bulkResultSchema),
  })
  .meta({ id: "BulkResults" });
export type BulkResults = z.output<typeof bulkResultsSchema>;
