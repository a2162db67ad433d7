import { z } from "zod";
import { nameField } from "../fields.ts";
import { problemSchema } from "../problem.ts";
import { directionSchema } from "./policy.ts";
import { guardSchema } from "./policy-counters.ts";
import { ruleIdField } from "./policy-rule.ts";

/** What a rule, or a guard against spoofing, has dropped on a node: counted, every packet is in it. */
export const policyDropsSchema = z
  .strictObject({
    node: nameField,
    /** Absent, as are policy and direction: a guard. */
    tenant: nameField.optional(),
    policy: nameField.optional(),
    direction: directionSchema.optional(),
    /** Absent: what no rule of its tier has allowed, in a direction that the policy isolates; or a guard. */
    rule: ruleIdField.optional(),
    guard: guardSchema.optional(),
    packets: z.int().min(0),
    bytes: z.int().min(0),
  })
  .meta({ id: "PolicyDrops" });
export type PolicyDrops = z.output<typeof policyDropsSchema>;

/** The same text for what the same rule or guard has dropped on the same node, however much that is. */
export function policyDropsKey({ node, tenant, policy, direction, rule, guard }: PolicyDrops): string {
  return JSON.stringify([node, tenant, policy, direction, rule, guard]);
}

/**
 * One line of what drops. `totals` come first: of everything that has dropped since this life of the controller began, as nodes have told it; then `more`, the new
 * totals of what has changed. A `bookmark` says that there is no news.
 */
export const policyDropsMessageSchema = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.enum(["totals", "more"]), run: z.string(), drops: z.array(policyDropsSchema) }),
    z.strictObject({ type: z.literal("bookmark") }),
    z.strictObject({ type: z.literal("error"), problem: problemSchema }),
  ])
  .meta({ id: "PolicyDropsMessage" });
export type PolicyDropsMessage = z.output<typeof policyDropsMessageSchema>;
