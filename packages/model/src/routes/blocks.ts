import { z } from "zod";
import { cidrField, nameField } from "../fields.ts";
import { blockRequestSchema, blockReturnSchema, nodeBlockSchema, nodeBlockUsageSchema } from "../node-block.ts";
import { pageOf, pageQuery } from "../page.ts";
import { route } from "../route.ts";

const nodeParams = z.strictObject({ node: nameField });
export const nodeBlockPageSchema = pageOf(nodeBlockUsageSchema, "NodeBlockPage");

export const blockRoutes = {
  listBlocks: route({
    id: "listBlocks",
    method: "GET",
    path: "/v1/blocks",
    summary: "List the blocks that nodes give addresses from.",
    tag: "block",
    query: z.strictObject({
      ...pageQuery,
      tenant: nameField.optional(),
      network: nameField.optional(),
      node: nameField.optional(),
    }),
    reply: nodeBlockPageSchema,
    status: 200,
    errors: [],
  }),
  reclaimBlock: route({
    id: "reclaimBlock",
    method: "POST",
    path: "/v1/tenants/{tenant}/networks/{network}/blocks/{prefix}/reclaim",
    summary: "Ask a node to give a block back as soon as it is empty; with force, take it at once. Recorded.",
    tag: "block",
    params: z.strictObject({ tenant: nameField, network: nameField, prefix: cidrField }),
    body: z
      .strictObject({
        /** Also when the node may be giving addresses from it: for a node that will not come back. */
        force: z.boolean().default(false),
        /** Why, for the record. */
        reason: z.string().max(500).optional(),
      })
      .meta({ id: "BlockReclaim" }),
    reply: nodeBlockSchema,
    status: 200,
    errors: ["not_found"],
  }),
  leaseBlock: route({
    id: "leaseBlock",
    method: "POST",
    path: "/v1/nodes/{node}/blocks",
    summary: "A node asks for a block of a network, to give addresses from it by itself.",
    tag: "node",
    params: nodeParams,
    body: blockRequestSchema,
    reply: nodeBlockSchema,
    status: 200,
    errors: ["not_found", "conflict", "pool_exhausted"],
  }),
  returnBlock: route({
    id: "returnBlock",
    method: "POST",
    path: "/v1/nodes/{node}/blocks/return",
    summary: "A node gives back a block that it does not need. One that it has not got is given back already.",
    tag: "node",
    params: nodeParams,
    body: blockReturnSchema,
    status: 204,
    errors: ["not_found", "in_use"],
  }),
} as const;
