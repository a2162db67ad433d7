import { flowStatusSchema } from "../flow-status.ts";
import { route } from "../route.ts";

/** What a collector answers by itself, on its own address. */
export const collectorRoutes = {
  flowStatus: route({
    id: "flowStatus",
    method: "GET",
    path: "/v1/flows/status",
    summary: "How the collector does: rates, losses, refusals, exporters, and the share without a name.",
    tag: "flows",
    reply: flowStatusSchema,
    status: 200,
    errors: [],
  }),
} as const;
