import type { Name } from "@holdfast/core";
import { flowKeySchema, nameField, newFlowAlarmSchema } from "@holdfast/model";
import { z } from "zod";

/** Of the platform's own alarms, where a tenant's have his name: no name is that. */
export const NOBODY = "-";

/** An alarm as it is kept, with where its messages go. */
export const keptAlarmSchema = z.strictObject({
  name: nameField,
  tenant: nameField.optional(),
  spec: newFlowAlarmSchema,
  /** Milliseconds since 1970. */
  createdAt: z.number(),
  updatedAt: z.number(),
});
export type KeptAlarm = z.output<typeof keptAlarmSchema>;

/** One of those that an alarm tells apart, as long as it has a state that has to outlive the process. */
export const keptGroupSchema = z.strictObject({
  key: flowKeySchema,
  phase: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("ok"), since: z.number() }),
    z.strictObject({ kind: z.literal("pending"), since: z.number() }),
    z.strictObject({ kind: z.literal("firing"), since: z.number(), clearing: z.number().optional() }),
  ]),
});
export type KeptGroup = z.output<typeof keptGroupSchema>;

/** A message that a webhook has not taken yet. */
export const keptMessageSchema = z.strictObject({
  /** Of the event that it is about. */
  sequence: z.number(),
  /** Where it goes if the alarm is gone; else where that says. */
  url: z.string(),
  secret: z.string().optional(),
  /** Not before, in milliseconds since 1970. */
  due: z.number(),
});
export type KeptMessage = z.output<typeof keptMessageSchema>;

export interface AlarmName {
  /** Undefined: the platform's own. */
  readonly tenant?: Name | undefined;
  readonly name: Name;
}

/** `"-/uplink"`, `"shop/redis-busy"`. */
export function alarmId({ tenant, name }: AlarmName): string {
  return `${tenant ?? NOBODY}/${name}`;
}
