import { z } from "zod";
import { endpointSchema } from "../endpoint.ts";
import { endpointIdField, nameField, revisionField } from "../fields.ts";
import { nodeInventorySchema } from "../inventory.ts";
import { nodeFeedMessageSchema } from "../node-feed.ts";
import { nodeRecordSchema, nodeReportSchema } from "../node-record.ts";
import { reportBatchSchema, reportResultsSchema, reservationRequestSchema, reservationSchema } from "../node-work.ts";
import { pageOf, pageQuery, selectorField } from "../page.ts";
import { phaseSchema } from "../phase.ts";
import { countsAnswerSchema, countsReportSchema } from "../policy/policy-counters.ts";
import { route } from "../route.ts";
import { resourceKindSchema, watchEventSchema } from "../watch.ts";

const nodeParams = z.strictObject({ node: nameField });
const endpointParams = z.strictObject({ endpoint: endpointIdField });
export const nodePageSchema = pageOf(nodeRecordSchema, "NodePage");
export const endpointPageSchema = pageOf(endpointSchema, "EndpointPage");

/** Bytes; half a KiB for each of the endpoints that an inventory may have. */
const LARGEST_INVENTORY = 8 * 1024 * 1024;

const agentWishes = z.strictObject({
  /** Tell policies as well: the agent knows what to do with them. */
  policies: z.enum(["true", "false"]).default("false"),
  /** Tell QoS of endpoints as well. */
  qos: z.enum(["true", "false"]).default("false"),
});

export const nodeRoutes = {
  listNodes: route({
    id: "listNodes",
    method: "GET",
    path: "/v1/nodes",
    summary: "List nodes.",
    tag: "node",
    query: z.strictObject({ ...pageQuery, selector: selectorField }),
    reply: nodePageSchema,
    status: 200,
    errors: [],
  }),
  getNode: route({
    id: "getNode",
    method: "GET",
    path: "/v1/nodes/{node}",
    summary: "Read a node.",
    tag: "node",
    params: nodeParams,
    reply: nodeRecordSchema,
    status: 200,
    errors: ["not_found"],
  }),
  reportNode: route({
    id: "reportNode",
    method: "PUT",
    path: "/v1/nodes/{node}",
    summary: "An agent registers its machine and gives a sign of life.",
    tag: "node",
    params: nodeParams,
    body: nodeReportSchema,
    reply: nodeRecordSchema,
    status: 200,
    errors: [],
  }),
  deleteNode: route({
    id: "deleteNode",
    method: "DELETE",
    path: "/v1/nodes/{node}",
    summary: "Forget a silent node that serves no endpoint.",
    tag: "node",
    params: nodeParams,
    status: 204,
    conditional: true,
    errors: ["not_found", "in_use", "precondition_failed"],
  }),
  followNode: route({
    id: "followNode",
    method: "GET",
    path: "/v1/nodes/{node}/feed",
    summary: "All that a node needs, then every change as it happens.",
    tag: "node",
    params: nodeParams,
    query: agentWishes,
    reply: nodeFeedMessageSchema,
    status: 200,
    stream: true,
    errors: ["not_found"],
  }),
  reserve: route({
    id: "reserve",
    method: "POST",
    path: "/v1/nodes/{node}/reservations",
    summary: "A node asks for the addresses of an endpoint that it is about to make.",
    tag: "node",
    params: nodeParams,
    query: agentWishes,
    body: reservationRequestSchema,
    reply: reservationSchema,
    status: 200,
    errors: [
      "not_found",
      "claim_bound",
      "address_in_use",
      "address_out_of_range",
      "pool_exhausted",
      "quota_exceeded",
      "conflict",
    ],
  }),
  report: route({
    id: "report",
    method: "POST",
    path: "/v1/nodes/{node}/reports",
    summary: "A node says what became of its endpoints.",
    tag: "node",
    params: nodeParams,
    body: reportBatchSchema,
    reply: reportResultsSchema,
    status: 200,
    errors: ["not_found"],
  }),
  tellCounts: route({
    id: "tellCounts",
    method: "POST",
    path: "/v1/nodes/{node}/counts",
    summary: "A node says what its rules and guards have counted since it said so before.",
    tag: "node",
    params: nodeParams,
    body: countsReportSchema,
    reply: countsAnswerSchema,
    status: 200,
    errors: ["not_found"],
  }),
  tellInventory: route({
    id: "tellInventory",
    method: "PUT",
    path: "/v1/nodes/{node}/inventory",
    summary: "A node says all that it has, when its feed is in step and when it is asked.",
    tag: "node",
    params: nodeParams,
    body: nodeInventorySchema,
    maxBodyBytes: LARGEST_INVENTORY,
    status: 204,
    errors: ["not_found"],
  }),
} as const;

export const endpointRoutes = {
  listEndpoints: route({
    id: "listEndpoints",
    method: "GET",
    path: "/v1/endpoints",
    summary: "List endpoints, all or as filtered.",
    tag: "endpoint",
    query: z.strictObject({
      ...pageQuery,
      tenant: nameField.optional(),
      network: nameField.optional(),
      node: nameField.optional(),
      phase: phaseSchema.optional(),
    }),
    reply: endpointPageSchema,
    status: 200,
    errors: [],
  }),
  getEndpoint: route({
    id: "getEndpoint",
    method: "GET",
    path: "/v1/endpoints/{endpoint}",
    summary: "Read an endpoint.",
    tag: "endpoint",
    params: endpointParams,
    reply: endpointSchema,
    status: 200,
    errors: ["not_found"],
  }),
  deleteEndpoint: route({
    id: "deleteEndpoint",
    method: "DELETE",
    path: "/v1/endpoints/{endpoint}",
    summary: "Cut an endpoint off: its node takes it down, its claim is free to be bound.",
    tag: "endpoint",
    params: endpointParams,
    status: 204,
    conditional: true,
    errors: ["not_found", "precondition_failed"],
  }),
} as const;

export const watchRoutes = {
  watch: route({
    id: "watch",
    method: "GET",
    path: "/v1/watch",
    summary: "Every change from a revision on, as it happens.",
    tag: "watch",
    query: z.strictObject({
      /** Comma-separated; absent: all. */
      kinds: z
        .string()
        .max(200)
        .transform((text) => text.split(",").filter((part) => part !== ""))
        .pipe(z.array(resourceKindSchema))
        .optional()
        .meta({ examples: ["claim,endpoint"] }),
      tenant: nameField.optional(),
      /** Changes after this revision; absent: from now on, beginning with a bookmark. */
      revision: z.coerce.number().pipe(revisionField).optional(),
    }),
    reply: watchEventSchema,
    status: 200,
    stream: true,
    errors: ["revision_gone"],
  }),
} as const;
