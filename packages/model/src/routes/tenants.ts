import { z } from "zod";
import { pageOf, pageQuery, selectorField, tenantParams } from "../page.ts";
import { route } from "../route.ts";
import { newTenantSchema, tenantPatchSchema, tenantSchema } from "../tenant.ts";
import { tenantUsageSchema } from "../usage.ts";

export const tenantPageSchema = pageOf(tenantSchema, "TenantPage");

export const tenantRoutes = {
  createTenant: route({
    id: "createTenant",
    method: "POST",
    path: "/v1/tenants",
    summary: "Create a tenant.",
    tag: "tenant",
    body: newTenantSchema,
    reply: tenantSchema,
    status: 201,
    idempotent: true,
    errors: ["already_exists"],
  }),
  listTenants: route({
    id: "listTenants",
    method: "GET",
    path: "/v1/tenants",
    summary: "List tenants.",
    tag: "tenant",
    query: z.strictObject({ ...pageQuery, selector: selectorField }),
    reply: tenantPageSchema,
    status: 200,
    errors: [],
  }),
  getTenant: route({
    id: "getTenant",
    method: "GET",
    path: "/v1/tenants/{tenant}",
    summary: "Read a tenant.",
    tag: "tenant",
    params: tenantParams,
    reply: tenantSchema,
    status: 200,
    errors: ["not_found"],
  }),
  getTenantUsage: route({
    id: "getTenantUsage",
    method: "GET",
    path: "/v1/tenants/{tenant}/usage",
    summary: "What a tenant has, and what it may have.",
    tag: "tenant",
    params: tenantParams,
    reply: tenantUsageSchema,
    status: 200,
    errors: ["not_found"],
  }),
  updateTenant: route({
    id: "updateTenant",
    method: "PATCH",
    path: "/v1/tenants/{tenant}",
    summary: "Change a tenant's labels and quotas; what is there stays, also above a lowered quota.",
    tag: "tenant",
    params: tenantParams,
    body: tenantPatchSchema,
    reply: tenantSchema,
    status: 200,
    conditional: true,
    errors: ["not_found", "precondition_failed"],
  }),
  deleteTenant: route({
    id: "deleteTenant",
    method: "DELETE",
    path: "/v1/tenants/{tenant}",
    summary: "Delete a tenant that has no networks.",
    tag: "tenant",
    params: tenantParams,
    status: 204,
    conditional: true,
    errors: ["not_found", "in_use", "precondition_failed"],
  }),
} as const;
