import { z } from "zod";
import { claimSchema, MOST_CLAIM_ADDRESSES, retentionSchema } from "./claim.ts";
import { endpointSchema, ifIndexField, transitionSchema, workloadSchema } from "./endpoint.ts";
import { addressField, endpointIdField, identityField, labelsField, nameField, timeField } from "./fields.ts";
import { wiredNetworkSchema } from "./node-feed.ts";
import { phaseSchema } from "./phase.ts";
import { programIdField } from "./policy/node-policy.ts";
import { endpointQosSchema } from "./qos-profile.ts";
import { foundConflictSchema } from "./quarantine.ts";
import { rangeSchema } from "./subnet.ts";

/**
 * A node asks for addresses for an endpoint that it is about to make. With the same endpoint id the answer is the same.
 *
 * By `address`: the claim that owns it is bound, a free one becomes an ephemeral claim. By `identity`: that claim is bound; with
 * `identityIsHint` only when it exists and is not ephemeral, else a new ephemeral claim is made. By both: they must agree. By
 * neither: a new ephemeral claim.
 *
 * With `retention` an identity that has no claim gets one with it, and its address is the one that is asked for, if any; a hint then only
 * gives way to the owner of that address.
 */
export const reservationRequestSchema = z
  .strictObject({
    endpoint: endpointIdField,
    tenant: nameField,
    network: nameField,
    address: addressField.optional(),
    /** With `address`: when a claim is made, it has these as well. A claim that is there may have others. */
    also: z
      .array(addressField)
      .max(MOST_CLAIM_ADDRESSES - 1)
      .optional(),
    identity: identityField.optional(),
    identityIsHint: z.boolean().default(false),
    /** Of a claim that is made for the identity. One that is there keeps its own. */
    retention: retentionSchema.optional(),
    /** Where an address is chosen from, and the only one of its claim; lies in one subnet. What has an address already must have one in it. */
    range: rangeSchema.optional(),
    workload: workloadSchema,
    /** The QoS profile of a claim that names none itself; it names this one from then on. */
    qos: nameField.optional(),
    /** What its runtime says of the workload: the claim's `runtimeLabels` from then on. Absent: nothing, and what an earlier one has said goes. */
    labels: labelsField.optional(),
  })
  .meta({ id: "ReservationRequest" });
export type ReservationRequest = z.output<typeof reservationRequestSchema>;

export const reservationSchema = z
  .strictObject({
    endpoint: endpointSchema,
    claim: claimSchema,
    network: wiredNetworkSchema,
    /**
     * Which programs decide about it; the feed tells what they are. Empty: nothing but that tenants are kept apart. Absent: the agent has not asked, or the
     * controller tells no policies.
     */
    policy: z.strictObject({ program: programIdField.optional(), staged: programIdField.optional() }).optional(),
    /** Absent: none, or the agent has not asked to be told. */
    qos: endpointQosSchema.optional(),
  })
  .meta({ id: "Reservation" });
export type Reservation = z.output<typeof reservationSchema>;

/** What happened to one endpoint on its node, oldest first. */
export const endpointReportSchema = z
  .strictObject({
    endpoint: endpointIdField,
    epoch: z.int().min(1),
    /** Empty: the node only asks whether it still has the endpoint. */
    transitions: z.array(transitionSchema).max(64),
    workload: workloadSchema.optional(),
    ifIndex: ifIndexField.optional(),
    /** Whose addresses it has. Tells an endpoint that was superseded from one that the controller has never heard of. */
    claim: z.strictObject({ tenant: nameField, network: nameField, identity: identityField }).optional(),
    /** The addresses that it has on its node. */
    addresses: z.array(addressField).max(MOST_CLAIM_ADDRESSES).optional(),
    /** Machines outside that answered for its addresses: it was not put on the wire, and these are to be given to nobody. */
    conflicts: z.array(foundConflictSchema).max(MOST_CLAIM_ADDRESSES).optional(),
    /**
     * When a controller made the endpoint. A controller that does not have it, and whose owner of the claim or an address has been bound for longer, has
     * an older copy of the book: the owner's time was over by then.
     */
    reservedAt: timeField.optional(),
    /**
     * The node made this endpoint by itself while no controller could be reached: it takes over the claim from an endpoint of the same
     * node. Accepted only when that one still has the claim at the same epoch, else refused with `claim_bound`.
     */
    replaces: endpointIdField.optional(),
    /**
     * Endpoints that the node made in between in the same way, oldest first: the controller may have heard of one of them, its answer having been
     * lost.
     */
    replacesAlso: z.array(endpointIdField).max(64).optional(),
    /**
     * The node made this endpoint by itself with addresses of its blocks, at this time, and has it in this phase now. When the controller does not
     * know the endpoint yet, and nobody else has the addresses, it makes the claim and the endpoint that the node has.
     */
    made: z.strictObject({ at: timeField, phase: phaseSchema }).optional(),
  })
  .meta({ id: "EndpointReport" });
export type EndpointReport = z.output<typeof endpointReportSchema>;

export const reportBatchSchema = z
  .strictObject({ reports: z.array(endpointReportSchema).max(1000) })
  .meta({ id: "ReportBatch" });

/** One result per report, in order. `superseded`: the node has lost the endpoint and must take it down; `unknown`: there is no such endpoint. */
export const reportResultsSchema = z
  .strictObject({
    results: z.array(
      z.strictObject({
        endpoint: endpointIdField,
        outcome: z.enum(["done", "superseded", "unknown", "refused"]),
        detail: z.string().optional(),
      }),
    ),
  })
  .meta({ id: "ReportResults" });
export type ReportResults = z.output<typeof reportResultsSchema>;
