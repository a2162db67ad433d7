import { z } from "zod";
import { durationField, labelsField } from "../fields.ts";
import { parsePart } from "../parse-part.ts";
import { levelField, type NewFlowAlarm, newFlowAlarmSchema } from "./new-flow-alarm.ts";
import { flowAlarmSubjectSchema } from "./subject.ts";

/** Only what is named changes; null takes away. `on` is replaced as a whole; of `raise`, `clear` and `webhook` each part changes by itself. */
export const flowAlarmPatchSchema = z
  .strictObject({
    on: flowAlarmSubjectSchema.optional(),
    over: durationField.optional(),
    when: z.enum(["above", "below"]).optional(),
    raise: z.strictObject({ at: levelField.optional(), for: durationField.optional() }).optional(),
    /** `at` null: that of `raise`. */
    clear: z.strictObject({ at: levelField.nullable().optional(), for: durationField.optional() }).optional(),
    enabled: z.boolean().optional(),
    description: z.string().nullable().optional(),
    /** `secret` null: nothing is signed. */
    webhook: z
      .strictObject({ url: z.string().optional(), secret: z.string().nullable().optional() })
      .nullable()
      .optional(),
    labels: labelsField.optional(),
  })
  .meta({ id: "FlowAlarmPatch" });
export type FlowAlarmPatch = z.output<typeof flowAlarmPatchSchema>;

/** An alarm with what is to change of it. @throws HoldfastError `invalid_argument`, naming the field that is wrong then */
export function changedFlowAlarm(alarm: NewFlowAlarm, patch: FlowAlarmPatch): NewFlowAlarm {
  const { raise, clear, webhook, ...others } = patch;
  const changed = {
    ...alarm,
    ...others,
    raise: { ...alarm.raise, ...raise },
    clear: withoutNulls({ ...alarm.clear, ...clear }),
    webhook:
      webhook === null ? null : webhook === undefined ? alarm.webhook : withoutNulls({ ...alarm.webhook, ...webhook }),
  };
  return parsePart(newFlowAlarmSchema, withoutNulls(changed), "body") as NewFlowAlarm;
}

function withoutNulls(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
