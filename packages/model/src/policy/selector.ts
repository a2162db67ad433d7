import { z } from "zod";
import { labelKeyField, labelsField } from "../fields.ts";

const labelValue = z.string().max(255);

/** One condition on a label; in the words of Kubernetes. `NotIn` holds for what does not have the label, too. */
export const matchExpressionSchema = z
  .discriminatedUnion("operator", [
    z.strictObject({
      key: labelKeyField,
      operator: z.enum(["In", "NotIn"]),
      values: z.array(labelValue).min(1).max(64),
    }),
    z.strictObject({ key: labelKeyField, operator: z.enum(["Exists", "DoesNotExist"]) }),
  ])
  .meta({ id: "MatchExpression" });
export type MatchExpression = z.output<typeof matchExpressionSchema>;

/** Chooses by labels: every condition must hold. Empty: everything. */
export const labelSelectorSchema = z
  .strictObject({
    matchLabels: labelsField.optional(),
    matchExpressions: z.array(matchExpressionSchema).max(32).optional(),
  })
  .meta({ id: "LabelSelector", examples: [{ matchLabels: { app: "web" } }] });
export type LabelSelector = z.output<typeof labelSelectorSchema>;
