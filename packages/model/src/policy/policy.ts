import { z } from "zod";
import { labelsField, nameField, revisionField, timeField } from "../fields.ts";
import { policyRuleSchema } from "./policy-rule.ts";
import { labelSelectorSchema } from "./selector.ts";

/** In this order; `pass` leads from one to the next. */
export const TIERS = ["admin", "tenant", "default"] as const;
export const tierSchema = z.enum(TIERS).meta({ id: "Tier" });
export type Tier = z.output<typeof tierSchema>;

/** `ingress`: what others begin with the endpoint; `egress`: what it begins. */
export const directionSchema = z.enum(["ingress", "egress"]).meta({ id: "Direction" });

/** Whose connections a policy decides about: every condition that is there must hold. Empty: all of the tenant. */
export const policySubjectSchema = z
  .strictObject({
    /** In at least one of these groups. */
    groups: z.array(nameField).min(1).max(64).optional(),
    selector: labelSelectorSchema.optional(),
    /** In one of these networks. */
    networks: z.array(nameField).min(1).max(64).optional(),
  })
  .meta({ id: "PolicySubject" });
export type PolicySubject = z.output<typeof policySubjectSchema>;

/** `staged`: evaluated and counted, not enforced. */
export const policyModeSchema = z.enum(["enforced", "staged"]).meta({ id: "PolicyMode" });

/** The rules of one direction, in the order in which they are asked; ids are unique in it. */
export const policyRulesField = z
  .array(policyRuleSchema)
  .max(1000)
  .superRefine((rules, context) => {
    const seen = new Set<string>();
    for (const [index, { id }] of rules.entries()) {
      if (seen.has(id))
        context.addIssue({ code: "custom", message: `another rule is called ${id}`, path: [index, "id"] });
      seen.add(id);
    }
  });

const spec = {
  tier: tierSchema,
  /** Among the policies of the tier, the least first; of equal ones by name. */
  order: z.int().min(0).max(1_000_000),
  subject: policySubjectSchema,
  /** Directions in which nothing passes that no policy of its tier, or of those before, has allowed. */
  isolates: z.array(directionSchema).max(2),
  ingress: policyRulesField,
  egress: policyRulesField,
  mode: policyModeSchema,
  labels: labelsField,
};

/** Of a staged policy: the enforced one that it is to take the place of. */
const replacesField = nameField.optional();

export const policySchema = z
  .strictObject({
    tenant: nameField,
    name: nameField,
    ...spec,
    replaces: replacesField,
    createdAt: timeField,
    revision: revisionField,
  })
  .meta({ id: "Policy" });
export type Policy = z.output<typeof policySchema>;

export const newPolicySchema = z
  .strictObject({
    name: nameField,
    tier: spec.tier.default("tenant"),
    order: spec.order.default(1000),
    subject: spec.subject.default({}),
    isolates: spec.isolates.default([]),
    ingress: spec.ingress.default([]),
    egress: spec.egress.default([]),
    mode: spec.mode.default("enforced"),
    labels: spec.labels.default({}),
    replaces: replacesField,
  })
  .meta({ id: "NewPolicy" });
export type NewPolicy = z.output<typeof newPolicySchema>;

/** Only what is named changes; rules of a direction are replaced together. */
export const policyPatchSchema = z
  .strictObject({
    tier: spec.tier.optional(),
    order: spec.order.optional(),
    subject: spec.subject.optional(),
    isolates: spec.isolates.optional(),
    ingress: spec.ingress.optional(),
    egress: spec.egress.optional(),
    labels: spec.labels.optional(),
  })
  .meta({ id: "PolicyPatch" });
export type PolicyPatch = z.output<typeof policyPatchSchema>;
