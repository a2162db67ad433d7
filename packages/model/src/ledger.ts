import { z } from "zod";
import { addressField, identityField, macField, nameField, revisionField, timeField } from "./fields.ts";
import { problemSchema } from "./problem.ts";

/**
 * What can happen to an address. `released`, `expired` and `reclaimed` begin its rest, which `cooled` ends; `moved` takes it off an endpoint, or,
 * with `formerEndpoint`, on to the next one of the same node; `quarantined` says which MAC answered for it, and `cleared` ends that; `refused` is somebody who asked for it and did not get it.
 */
export const ledgerEventSchema = z
  .enum([
    "claimed",
    "imported",
    "bound",
    "detached",
    "moved",
    "transferred",
    "released",
    "expired",
    "reclaimed",
    "cooled",
    "refused",
    "quarantined",
    "cleared",
  ])
  .meta({ id: "LedgerEvent" });
export type LedgerEvent = z.output<typeof ledgerEventSchema>;

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** Whether a request may be called this: 1 to 128 visible ASCII characters. */
export function isRequestId(text: string): boolean {
  return REQUEST_ID.test(text);
}

/** Given by whoever made a request, in `X-Request-Id`, or by the controller. */
export const requestIdField = z
  .string()
  .regex(REQUEST_ID, "1 to 128 visible ASCII characters")
  .meta({ description: "Id of the request that caused it.", examples: ["7f3kq2-1a"] });

/** One thing that happened to an address. */
export const ledgerEntrySchema = z
  .strictObject({
    /** Names the entry, and where a reader has got to. */
    id: z.string().max(100),
    tenant: nameField,
    network: nameField,
    address: addressField,
    /** Who had it from then on; who had it before, when it was given back; who asked, when it was refused. */
    identity: identityField,
    event: ledgerEventSchema,
    at: timeField,
    actor: z.string().max(100),
    requestId: requestIdField.optional(),
    node: nameField.optional(),
    endpoint: z.string().optional(),
    /** The endpoint whose place `endpoint` took. */
    formerEndpoint: z.string().optional(),
    /** Who had a transferred address before. */
    formerIdentity: identityField.optional(),
    /** Until when an address that was given back is given to nobody else. Absent: free at once. */
    restsUntil: timeField.optional(),
    /** Of refusals, which are counted for each owner of an address: how many. `at`, `actor` and `reason` are those of the last one. */
    count: z.int().min(1).optional(),
    /** Of refusals: the first one. */
    firstAt: timeField.optional(),
    reason: z.string().max(1000).optional(),
    revision: revisionField,
  })
  .meta({ id: "LedgerEntry" });
export type LedgerEntry = z.output<typeof ledgerEntrySchema>;

/** From when on the ledger has everything. */
const completeFromField = timeField.meta({ description: "From this moment on nothing is missing." });

export const ledgerPageSchema = z
  .strictObject({
    /** Oldest first. */
    items: z.array(ledgerEntrySchema),
    completeFrom: completeFromField,
    /** More may follow. */
    continue: z.string().optional(),
  })
  .meta({ id: "LedgerPage" });
export type LedgerPage = z.output<typeof ledgerPageSchema>;

/** One line of an export. Without an `end`, it broke off: go on behind the last entry that came. */
export const ledgerExportLineSchema = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.literal("entry"), entry: ledgerEntrySchema }),
    z.strictObject({
      type: z.literal("end"),
      /** How many entries there were. */
      entries: z.int().min(0),
      completeFrom: completeFromField,
    }),
    z.strictObject({ type: z.literal("error"), problem: problemSchema }),
  ])
  .meta({ id: "LedgerExportLine" });
export type LedgerExportLine = z.output<typeof ledgerExportLineSchema>;

/** Everything known of an address in one network. */
export const addressStorySchema = z
  .strictObject({
    tenant: nameField,
    network: nameField,
    address: addressField,
    /**
     * `set-aside`: a node may give it to a container of its own. `outside`: in a subnet but not allocatable (gateway, excluded, network or broadcast
     * address). `unknown`: at a moment that the ledger does not reach back to.
     */
    state: z.enum(["free", "cooling", "claimed", "bound", "quarantined", "set-aside", "outside", "unknown"]),
    identity: identityField.optional(),
    node: nameField.optional(),
    endpoint: z.string().optional(),
    /** Since when it stands like this. */
    since: timeField.optional(),
    /** Of an address in quarantine: who answered for it. */
    mac: macField.optional(),
    /** When it becomes free by itself: the end of its rest or quarantine, or of a claim that runs out. */
    until: timeField.optional(),
    /** Who had it before. */
    formerIdentity: identityField.optional(),
    /** The moment that was asked about. Absent: now. */
    at: timeField.optional(),
    /** From this moment on, nothing is missing from the ledger. */
    completeFrom: timeField.optional(),
    /** One plain sentence. */
    summary: z.string(),
    /** Oldest first; about a moment, the entries before and after it. */
    history: z.array(ledgerEntrySchema),
    /** Older entries are there than `history` shows. */
    more: z.boolean().optional(),
  })
  .meta({ id: "AddressStory" });
export type AddressStory = z.output<typeof addressStorySchema>;
