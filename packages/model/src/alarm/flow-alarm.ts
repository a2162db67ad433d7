import { z } from "zod";
import { durationField, labelsField, nameField, timeField } from "../fields.ts";
import { flowKeySchema } from "../flow-answer.ts";
import { flowAlarmSubjectSchema } from "./subject.ts";

const levelSchema = z.strictObject({ at: z.number(), for: durationField });

/** `pending`: the value is where it raises the alarm, but not for long enough yet. `unknown`: not looked at yet, or it cannot be told now. */
export const flowAlarmStateSchema = z.enum(["ok", "pending", "firing", "unknown", "disabled"]);
export type FlowAlarmState = z.output<typeof flowAlarmStateSchema>;

/** An alarm, and how it is. */
export const flowAlarmSchema = z
  .strictObject({
    name: nameField,
    /** Whose it is, and whose traffic it sees. Absent: the platform's own. */
    tenant: nameField.optional(),
    on: flowAlarmSubjectSchema,
    over: durationField,
    when: z.enum(["above", "below"]),
    /** What all its values are in. */
    unit: z.enum(["bit/s", "packet/s", "%", "s"]),
    raise: levelSchema,
    clear: levelSchema,
    enabled: z.boolean(),
    description: z.string().optional(),
    labels: labelsField,
    /** Neither the whole address nor the secret is told. */
    webhook: z.strictObject({ origin: z.string(), signed: z.boolean() }).optional(),
    createdAt: timeField,
    /** Of the last change of what it is to do. */
    updatedAt: timeField,
    state: flowAlarmStateSchema,
    /** Of the state. Absent: unknown or disabled. */
    since: timeField.optional(),
    /** Groups that are raised. */
    firing: z.int().min(0),
    /** Groups that are about to be. */
    pending: z.int().min(0),
    /** Groups that there was no room to follow: they have no state. */
    leftOut: z.int().min(0),
    /** End of the time that was looked at last. Absent: none yet. */
    evaluatedAt: timeField.optional(),
    /** Why it could not be looked at since. */
    problem: z.string().optional(),
    /** Messages that wait to be taken. */
    waitingMessages: z.int().min(0),
    /** Why the last message was not taken. Absent: it was. */
    webhookProblem: z.string().optional(),
  })
  .meta({ id: "FlowAlarm" });
export type FlowAlarm = z.output<typeof flowAlarmSchema>;

/** One of those that an alarm tells apart. */
export const flowAlarmGroupSchema = z
  .strictObject({
    /** Empty: all traffic is one. */
    key: flowKeySchema,
    state: z.enum(["ok", "pending", "firing"]),
    /** Of the state. */
    since: timeField,
    /** The last one. Absent: none since the collector was started. */
    value: z.number().optional(),
    /** How far from the truth the value may be in 95 of 100 cases, in percent of it. Absent: it is no estimate. */
    errorPercent: z.number().optional(),
  })
  .meta({ id: "FlowAlarmGroup" });
export type FlowAlarmGroup = z.output<typeof flowAlarmGroupSchema>;

/** With its groups: raised ones first. */
export const flowAlarmDetailSchema = flowAlarmSchema
  .extend({ groups: z.array(flowAlarmGroupSchema) })
  .meta({ id: "FlowAlarmDetail" });
export type FlowAlarmDetail = z.output<typeof flowAlarmDetailSchema>;

/** What happened to an alarm. */
export const flowAlarmEventSchema = z
  .strictObject({
    /** The same in every try to send it. */
    id: z.string(),
    at: timeField,
    alarm: nameField,
    tenant: nameField.optional(),
    /** `forgotten`: raised, and then nothing of it for so long that it is not followed any more. */
    event: z.enum(["raised", "cleared", "forgotten", "test"]),
    key: flowKeySchema,
    /** Absent: there was none. */
    value: z.number().optional(),
    errorPercent: z.number().optional(),
    unit: z.string(),
    /** That it was compared with. */
    level: z.number(),
    /** For how long it was raised, in seconds. Absent: not cleared. */
    seconds: z.number().optional(),
    description: z.string().optional(),
    labels: labelsField.optional(),
    /** Absent: nobody is told by a webhook. */
    message: z
      .strictObject({
        state: z.enum(["waiting", "delivered", "failed"]),
        tries: z.int().min(0),
        /** Of the last try that failed. */
        error: z.string().optional(),
      })
      .optional(),
  })
  .meta({ id: "FlowAlarmEvent" });
export type FlowAlarmEvent = z.output<typeof flowAlarmEventSchema>;

/** What an alarm sees now, and whether its webhook takes a message; nothing is changed by it. */
export const flowAlarmTestSchema = z
  .strictObject({
    unit: z.string(),
    /** Those that come closest to raising it, the ones beyond first; 20 at most. */
    groups: z.array(
      z.strictObject({
        key: flowKeySchema,
        value: z.number(),
        errorPercent: z.number().optional(),
        /** Whether the value is where the alarm is raised, whatever it has to wait for. */
        beyond: z.boolean(),
      }),
    ),
    /** Why nothing can be said. */
    problem: z.string().optional(),
    /** Absent: it has none. */
    webhook: z
      .strictObject({
        delivered: z.boolean(),
        /** Of the answer. Absent: there was none. */
        status: z.int().optional(),
        milliseconds: z.number(),
        error: z.string().optional(),
      })
      .optional(),
  })
  .meta({ id: "FlowAlarmTest" });
export type FlowAlarmTest = z.output<typeof flowAlarmTestSchema>;
