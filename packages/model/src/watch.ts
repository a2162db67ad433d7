import { z } from "zod";
import { claimSchema } from "./claim.ts";
import { endpointSchema } from "./endpoint.ts";
import { revisionField } from "./fields.ts";
import { networkSchema } from "./network.ts";
import { nodeRecordSchema } from "./node-record.ts";
import { operationSchema } from "./operation.ts";
import { problemSchema } from "./problem.ts";
import { tenantSchema } from "./tenant.ts";

export const resourceKindSchema = z
  .enum(["tenant", "network", "claim", "endpoint", "node", "operation"])
  .meta({ id: "ResourceKind" });
export type ResourceKind = z.output<typeof resourceKindSchema>;

function putEvent<const K extends ResourceKind, T extends z.ZodType>(kind: K, object: T) {
  return z.strictObject({ type: z.literal("put"), kind: z.literal(kind), revision: revisionField, object });
}

const putEventSchema = z.discriminatedUnion("kind", [
  putEvent("tenant", tenantSchema),
  putEvent("network", networkSchema),
  putEvent("claim", claimSchema),
  putEvent("endpoint", endpointSchema),
  putEvent("node", nodeRecordSchema),
  putEvent("operation", operationSchema),
]);

/**
 * One line of a watch: newline-delimited JSON, or the data of one server-sent event when the client accepts `text/event-stream`.
 *
 * A `bookmark` says that everything up to its revision has been sent; watching again from it loses nothing. An `error` is the last line; with code
 * `revision_gone`: list again, then watch from the list's revision.
 */
export const watchEventSchema = z
  .discriminatedUnion("type", [
    putEventSchema,
    z.strictObject({
      type: z.literal("delete"),
      kind: resourceKindSchema,
      revision: revisionField,
      /** What names the object, e.g. `{ tenant, network, identity }` of a claim. */
      key: z.record(z.string(), z.string()),
    }),
    z.strictObject({ type: z.literal("bookmark"), revision: revisionField }),
    z.strictObject({ type: z.literal("error"), problem: problemSchema }),
  ])
  .meta({ id: "WatchEvent" });
export type WatchEvent = z.output<typeof watchEventSchema>;
