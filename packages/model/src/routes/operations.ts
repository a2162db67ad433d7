import { z } from "zod";
import { bulkResultSchema } from "../bulk.ts";
import { nameField, revisionField } from "../fields.ts";
import { operationIdField, operationSchema, operationStateSchema } from "../operation.ts";
import { pageOf, pageQuery } from "../page.ts";
import { route } from "../route.ts";

const operationParams = z.strictObject({ operation: operationIdField });
export const operationPageSchema = pageOf(operationSchema, "OperationPage");

export const operationRoutes = {
  listOperations: route({
    id: "listOperations",
    method: "GET",
    path: "/v1/operations",
    summary: "List what was accepted with Prefer: respond-async, oldest first.",
    tag: "operation",
    query: z.strictObject({ ...pageQuery, tenant: nameField.optional(), state: operationStateSchema.optional() }),
    reply: operationPageSchema,
    status: 200,
    errors: [],
  }),
  getOperation: route({
    id: "getOperation",
    method: "GET",
    path: "/v1/operations/{operation}",
    summary: "Read an operation: at once, when it has come to its end, or when it has got further.",
    tag: "operation",
    params: operationParams,
    query: z.strictObject({
      /** Seconds to wait for its end; what it is by then is answered. */
      wait: z.coerce.number().int().min(0).max(60).default(0),
      /** Answer as soon as it is at a later revision than this one, e.g. because it has got further. Absent: only at its end. */
      after: z.coerce.number().pipe(revisionField).optional(),
    }),
    reply: operationSchema,
    status: 200,
    waits: true,
    errors: ["not_found"],
  }),
  listOperationResults: route({
    id: "listOperationResults",
    method: "GET",
    path: "/v1/operations/{operation}/results",
    summary:
      "What has become of the items of a bulk request so far, in the order in which it was done; go on with `continue` until there is none.",
    tag: "operation",
    params: operationParams,
    query: z.strictObject({
      /** As the page before said. Absent: from the beginning. */
      continue: z.coerce.number().int().min(0).default(0),
    }),
    reply: z
      .strictObject({
        /** Empty when the operation has got no further than the page before. */
        items: z.array(bulkResultSchema),
        /** More may follow. */
        continue: z.string().optional(),
      })
      .meta({ id: "OperationResults" }),
    status: 200,
    errors: ["not_found"],
  }),
  cancelOperation: route({
    id: "cancelOperation",
    method: "POST",
    path: "/v1/operations/{operation}/cancel",
    summary: "Cancel an operation that is still pending.",
    tag: "operation",
    params: operationParams,
    reply: operationSchema,
    status: 200,
    errors: ["not_found", "conflict"],
  }),
} as const;
