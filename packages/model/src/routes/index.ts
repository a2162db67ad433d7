import type { Route } from "../route.ts";
import { alarmRoutes } from "./alarms.ts";
import { blockRoutes } from "./blocks.ts";
import { bulkRoutes } from "./bulk.ts";
import { claimRoutes } from "./claims.ts";
import { flowRoutes } from "./flows.ts";
import { groupRoutes } from "./groups.ts";
import { ledgerRoutes } from "./ledger.ts";
import { networkRoutes } from "./networks.ts";
import { endpointRoutes, nodeRoutes, watchRoutes } from "./nodes.ts";
import { operationRoutes } from "./operations.ts";
import { policyRoutes } from "./policies.ts";
import { qosRoutes } from "./qos.ts";
import { quarantineRoutes } from "./quarantine.ts";
import { tenantRoutes } from "./tenants.ts";

/** Every REST operation under `/v1`, by its id. */
export const routes = {
  ...tenantRoutes,
  ...networkRoutes,
  ...claimRoutes,
  ...bulkRoutes,
  ...ledgerRoutes,
  ...endpointRoutes,
  ...nodeRoutes,
  ...blockRoutes,
  ...quarantineRoutes,
  ...groupRoutes,
  ...policyRoutes,
  ...qosRoutes,
  ...operationRoutes,
  ...watchRoutes,
  ...flowRoutes,
  ...alarmRoutes,
} as const satisfies Record<string, Route>;
export type Routes = typeof routes;
