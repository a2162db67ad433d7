import { z } from "zod";
import { nameField } from "../fields.ts";
import { pageOf, pageQuery, selectorField, tenantParams } from "../page.ts";
import {
  newQosProfileSchema,
  qosExplanationSchema,
  qosProfilePatchSchema,
  qosProfileSchema,
  qosQuestionSchema,
} from "../qos-profile.ts";
import { route } from "../route.ts";

export const qosProfilePageSchema = pageOf(qosProfileSchema, "QosProfilePage");

const profileParams = z.strictObject({ tenant: nameField, profile: nameField });

export const qosRoutes = {
  createQosProfile: route({
    id: "createQosProfile",
    method: "POST",
    path: "/v1/tenants/{tenant}/qos-profiles",
    summary: "Create a QoS profile: limits, marks and guarantees for endpoints.",
    tag: "qos",
    params: tenantParams,
    body: newQosProfileSchema,
    reply: qosProfileSchema,
    status: 201,
    idempotent: true,
    errors: ["not_found", "already_exists", "conflict"],
  }),
  listQosProfiles: route({
    id: "listQosProfiles",
    method: "GET",
    path: "/v1/qos-profiles",
    summary: "List QoS profiles of all tenants or of one.",
    tag: "qos",
    query: z.strictObject({ ...pageQuery, tenant: nameField.optional(), selector: selectorField }),
    reply: qosProfilePageSchema,
    status: 200,
    errors: [],
  }),
  getQosProfile: route({
    id: "getQosProfile",
    method: "GET",
    path: "/v1/tenants/{tenant}/qos-profiles/{profile}",
    summary: "Read a QoS profile.",
    tag: "qos",
    params: profileParams,
    reply: qosProfileSchema,
    status: 200,
    errors: ["not_found"],
  }),
  updateQosProfile: route({
    id: "updateQosProfile",
    method: "PATCH",
    path: "/v1/tenants/{tenant}/qos-profiles/{profile}",
    summary: "Change a QoS profile; running endpoints have the new terms at once.",
    tag: "qos",
    params: profileParams,
    body: qosProfilePatchSchema,
    reply: qosProfileSchema,
    status: 200,
    conditional: true,
    errors: ["not_found", "precondition_failed"],
  }),
  deleteQosProfile: route({
    id: "deleteQosProfile",
    method: "DELETE",
    path: "/v1/tenants/{tenant}/qos-profiles/{profile}",
    summary: "Delete a QoS profile that no group and no claim names.",
    tag: "qos",
    params: profileParams,
    status: 204,
    conditional: true,
    errors: ["not_found", "in_use", "precondition_failed"],
  }),
  explainQos: route({
    id: "explainQos",
    method: "POST",
    path: "/v1/qos/explain",
    summary: "Which QoS profile a claim's endpoint has, and who names it.",
    tag: "qos",
    body: qosQuestionSchema,
    reply: qosExplanationSchema,
    status: 200,
    errors: ["not_found"],
  }),
} as const;
