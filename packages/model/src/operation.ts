import { z } from "zod";
import { nameField, revisionField, timeField } from "./fields.ts";
import { problemSchema } from "./problem.ts";

export const operationStateSchema = z
  .enum(["pending", "running", "done", "failed", "cancelled"])
  .meta({ id: "OperationState" });
export type OperationState = z.output<typeof operationStateSchema>;

/** Sorts by the time at which it was accepted. */
export const operationIdField = z
  .string()
  .regex(/^op-[a-z0-9-]{1,60}$/, "not an operation id")
  .meta({ description: "Id of an operation.", examples: ["op-0mi2k7c9x-1f3a9c2e-000001"] });

/** How far a request with many items has got. What is in none of the counts is still to be done. */
export const progressSchema = z
  .strictObject({
    /** How many items it has. */
    total: z.int().min(0),
    done: z.int().min(0),
    refused: z.int().min(0),
    /** Not done, because others of the request were refused. */
    skipped: z.int().min(0),
  })
  .meta({ id: "Progress" });
export type Progress = z.output<typeof progressSchema>;

/** A request that was accepted to be done later (`Prefer: respond-async`, RFC 7240): it is done once, also when the controller dies meanwhile. */
export const operationSchema = z
  .strictObject({
    id: operationIdField,
    /** What is to be done: the id of a REST operation, e.g. `"createClaim"`. */
    operation: z.string(),
    /** Whose it is. Absent: no tenant's. */
    tenant: nameField.optional(),
    /** What it is about: the path that was asked. */
    path: z.string(),
    state: operationStateSchema,
    actor: z.string(),
    requestId: z.string().optional(),
    createdAt: timeField,
    startedAt: timeField.optional(),
    /** As far as it is durable. Absent: the request is about one thing. */
    progress: progressSchema.optional(),
    /** Kept for at least 24 hours after it. */
    finishedAt: timeField.optional(),
    /** When it is done: what the request would have been answered with. Not in lists and in the watch, for it may be large. */
    result: z.unknown().optional(),
    /** When it has failed: the error that the request would have been answered with. What `progress` says was done stays done. */
    problem: problemSchema.optional(),
    revision: revisionField,
  })
  .meta({ id: "Operation" });
export type Operation = z.output<typeof operationSchema>;
