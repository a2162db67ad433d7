import { z } from "zod";
import { nameField } from "../fields.ts";
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
    summary: "Read an operation, at once or when it has come to its end.",
    tag: "operation",
    params: operationParams,
    query: z.strictObject({
      /** Seconds to wait for its end; what it is by then is answered. */
      wait: z.coerce.number().int().min(0).max(60).default(0),
    }),
    reply: operationSchema,
    status: 200,
    waits: true,
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
