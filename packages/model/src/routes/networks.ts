import { z } from "zod";
import { cidrField, nameField } from "../fields.ts";
import { networkPatchSchema, networkSchema, newNetworkSchema } from "../network.ts";
import { networkParams, pageOf, pageQuery, selectorField, tenantParams } from "../page.ts";
import { route } from "../route.ts";
import { newSubnetSchema, subnetSchema } from "../subnet.ts";

export const networkPageSchema = pageOf(networkSchema, "NetworkPage");

/** Addresses of one subnet by state. Numbers as text: a v6 prefix has more than a JSON number holds exactly. */
export const subnetUsageSchema = z
  .strictObject({
    prefix: cidrField,
    capacity: z.string(),
    used: z.string(),
    cooling: z.string(),
    free: z.string(),
  })
  .meta({ id: "SubnetUsage" });

export const networkRoutes = {
  createNetwork: route({
    id: "createNetwork",
    method: "POST",
    path: "/v1/tenants/{tenant}/networks",
    summary: "Create a network.",
    tag: "network",
    params: tenantParams,
    body: newNetworkSchema,
    reply: networkSchema,
    status: 201,
    idempotent: true,
    errors: ["not_found", "already_exists", "conflict", "pool_exhausted"],
  }),
  listNetworks: route({
    id: "listNetworks",
    method: "GET",
    path: "/v1/networks",
    summary: "List networks of all tenants or of one.",
    tag: "network",
    query: z.strictObject({ ...pageQuery, tenant: nameField.optional(), selector: selectorField }),
    reply: networkPageSchema,
    status: 200,
    errors: [],
  }),
  getNetwork: route({
    id: "getNetwork",
    method: "GET",
    path: "/v1/tenants/{tenant}/networks/{network}",
    summary: "Read a network.",
    tag: "network",
    params: networkParams,
    reply: networkSchema,
    status: 200,
    errors: ["not_found"],
  }),
  updateNetwork: route({
    id: "updateNetwork",
    method: "PATCH",
    path: "/v1/tenants/{tenant}/networks/{network}",
    summary: "Change a network.",
    tag: "network",
    params: networkParams,
    body: networkPatchSchema,
    reply: networkSchema,
    status: 200,
    conditional: true,
    errors: ["not_found", "precondition_failed"],
  }),
  deleteNetwork: route({
    id: "deleteNetwork",
    method: "DELETE",
    path: "/v1/tenants/{tenant}/networks/{network}",
    summary: "Delete a network that has no claims.",
    tag: "network",
    params: networkParams,
    status: 204,
    conditional: true,
    errors: ["not_found", "in_use", "precondition_failed"],
  }),
  addSubnet: route({
    id: "addSubnet",
    method: "POST",
    path: "/v1/tenants/{tenant}/networks/{network}/subnets",
    summary: "Add a subnet to a network that may be in use.",
    tag: "subnet",
    params: networkParams,
    body: newSubnetSchema,
    reply: networkSchema,
    status: 201,
    idempotent: true,
    conditional: true,
    errors: ["not_found", "already_exists", "conflict", "precondition_failed"],
  }),
  removeSubnet: route({
    id: "removeSubnet",
    method: "DELETE",
    path: "/v1/tenants/{tenant}/networks/{network}/subnets/{prefix}",
    summary: "Remove a subnet none of whose addresses is claimed.",
    tag: "subnet",
    params: z.strictObject({ tenant: nameField, network: nameField, prefix: cidrField }),
    reply: networkSchema,
    status: 200,
    conditional: true,
    errors: ["not_found", "in_use", "precondition_failed"],
  }),
  listSubnets: route({
    id: "listSubnets",
    method: "GET",
    path: "/v1/tenants/{tenant}/networks/{network}/subnets",
    summary: "The network's subnets with their use.",
    tag: "subnet",
    params: networkParams,
    reply: z
      .strictObject({ items: z.array(z.strictObject({ subnet: subnetSchema, usage: subnetUsageSchema })) })
      .meta({ id: "SubnetList" }),
    status: 200,
    errors: ["not_found"],
  }),
} as const;
