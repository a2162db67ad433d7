import { z } from "zod";
import { nameField } from "../fields.ts";
import { pageOf, pageQuery, selectorField, tenantParams } from "../page.ts";
import { explainRequestSchema, explanationSchema } from "../policy/explanation.ts";
import {
  directionSchema,
  newPolicySchema,
  policyModeSchema,
  policyPatchSchema,
  policySchema,
} from "../policy/policy.ts";
import { guardCountersSchema, policyCountersSchema } from "../policy/policy-counters.ts";
import { policyDropsMessageSchema } from "../policy/policy-drops.ts";
import { policyRuleSchema, ruleIdField } from "../policy/policy-rule.ts";
import { route } from "../route.ts";

export const policyPageSchema = pageOf(policySchema, "PolicyPage");

const policyParams = z.strictObject({ tenant: nameField, policy: nameField });
const ruleParams = policyParams.extend({ direction: directionSchema, rule: ruleIdField });

/** A rule, and where it goes. */
export const rulePlacementSchema = z
  .strictObject({
    rule: policyRuleSchema,
    /** It goes right before this one. Absent: it stays where it is, or, when it is new, goes behind all others. */
    before: ruleIdField.optional(),
  })
  .meta({ id: "RulePlacement" });

export const policyRoutes = {
  createPolicy: route({
    id: "createPolicy",
    method: "POST",
    path: "/v1/tenants/{tenant}/policies",
    summary: "Create a policy: ordered rules for the connections of its subjects.",
    tag: "policy",
    params: tenantParams,
    body: newPolicySchema,
    reply: policySchema,
    status: 201,
    idempotent: true,
    maxBodyBytes: 8 * 1024 * 1024,
    errors: ["not_found", "already_exists", "conflict"],
  }),
  listPolicies: route({
    id: "listPolicies",
    method: "GET",
    path: "/v1/policies",
    summary: "List policies of all tenants or of one.",
    tag: "policy",
    query: z.strictObject({
      ...pageQuery,
      tenant: nameField.optional(),
      mode: policyModeSchema.optional(),
      selector: selectorField,
    }),
    reply: policyPageSchema,
    status: 200,
    errors: [],
  }),
  getPolicy: route({
    id: "getPolicy",
    method: "GET",
    path: "/v1/tenants/{tenant}/policies/{policy}",
    summary: "Read a policy.",
    tag: "policy",
    params: policyParams,
    reply: policySchema,
    status: 200,
    errors: ["not_found"],
  }),
  updatePolicy: route({
    id: "updatePolicy",
    method: "PATCH",
    path: "/v1/tenants/{tenant}/policies/{policy}",
    summary: "Change a policy; rules of a direction are replaced together.",
    tag: "policy",
    params: policyParams,
    body: policyPatchSchema,
    reply: policySchema,
    status: 200,
    conditional: true,
    maxBodyBytes: 8 * 1024 * 1024,
    errors: ["not_found", "precondition_failed", "conflict"],
  }),
  setPolicyRule: route({
    id: "setPolicyRule",
    method: "PUT",
    path: "/v1/tenants/{tenant}/policies/{policy}/{direction}/{rule}",
    summary: "Add a rule to a policy, or edit one in its place.",
    tag: "policy",
    params: ruleParams,
    body: rulePlacementSchema,
    reply: policySchema,
    status: 200,
    conditional: true,
    errors: ["not_found", "precondition_failed", "conflict"],
  }),
  deletePolicyRule: route({
    id: "deletePolicyRule",
    method: "DELETE",
    path: "/v1/tenants/{tenant}/policies/{policy}/{direction}/{rule}",
    summary: "Remove a rule from a policy.",
    tag: "policy",
    params: ruleParams,
    reply: policySchema,
    status: 200,
    conditional: true,
    errors: ["not_found", "precondition_failed"],
  }),
  enforcePolicy: route({
    id: "enforcePolicy",
    method: "POST",
    path: "/v1/tenants/{tenant}/policies/{policy}/enforce",
    summary:
      "Enforce a staged policy, in the place of the one that it replaces, if any: that one gets its rules, and the staged one is gone.",
    tag: "policy",
    params: policyParams,
    reply: policySchema,
    status: 200,
    conditional: true,
    errors: ["not_found", "precondition_failed", "conflict"],
  }),
  deletePolicy: route({
    id: "deletePolicy",
    method: "DELETE",
    path: "/v1/tenants/{tenant}/policies/{policy}",
    summary: "Delete a policy.",
    tag: "policy",
    params: policyParams,
    status: 204,
    conditional: true,
    errors: ["not_found", "precondition_failed"],
  }),
  policyCounters: route({
    id: "policyCounters",
    method: "GET",
    path: "/v1/tenants/{tenant}/policies/{policy}/counters",
    summary: "What the rules of a policy have decided, or, while it is staged, would have.",
    tag: "policy",
    params: policyParams,
    reply: policyCountersSchema,
    status: 200,
    errors: ["not_found"],
  }),
  guardCounters: route({
    id: "guardCounters",
    method: "GET",
    path: "/v1/policy/guards",
    summary: "What nodes' guards against spoofing have dropped.",
    tag: "policy",
    reply: guardCountersSchema,
    status: 200,
    errors: [],
  }),
  followDrops: route({
    id: "followDrops",
    method: "GET",
    path: "/v1/policy/drops",
    summary: "What rules and guards have dropped on each node, then every change as nodes tell it.",
    tag: "policy",
    reply: policyDropsMessageSchema,
    status: 200,
    stream: true,
    errors: [],
  }),
  explainPolicy: route({
    id: "explainPolicy",
    method: "POST",
    path: "/v1/policy/explain",
    summary:
      "Whether a connection would be allowed, which rule decides at each end, and why each earlier one does not.",
    tag: "policy",
    body: explainRequestSchema,
    reply: explanationSchema,
    status: 200,
    errors: ["not_found", "conflict"],
  }),
} as const;
