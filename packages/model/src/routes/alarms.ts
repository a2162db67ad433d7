import { z } from "zod";
import {
  flowAlarmDetailSchema,
  flowAlarmEventSchema,
  flowAlarmPatchSchema,
  flowAlarmSchema,
  flowAlarmTestSchema,
  newFlowAlarmSchema,
} from "../alarm/index.ts";
import { nameField } from "../fields.ts";
import { pageOf, pageQuery } from "../page.ts";
import { route } from "../route.ts";

const alarmParams = z.strictObject({ alarm: nameField });

/** Whose alarm. Absent: the platform's own. */
const scope = z.strictObject({ tenant: nameField.optional() });

/** Alarms on sampled traffic. A collector keeps and answers them; a controller passes them on to its own. */
export const alarmRoutes = {
  putFlowAlarm: route({
    id: "putFlowAlarm",
    method: "PUT",
    path: "/v1/flows/alarms/{alarm}",
    summary: "Make an alarm, or make it what is said: what is left out is as it is by itself.",
    tag: "alarms",
    params: alarmParams,
    query: scope,
    body: newFlowAlarmSchema,
    reply: flowAlarmSchema,
    status: 200,
    passedTo: "collector",
    errors: ["precondition_failed", "quota_exceeded"],
  }),
  listFlowAlarms: route({
    id: "listFlowAlarms",
    method: "GET",
    path: "/v1/flows/alarms",
    summary: "List alarms, of all tenants and the platform's own, or of one tenant, with how they are.",
    tag: "alarms",
    query: z.strictObject({
      ...pageQuery,
      tenant: nameField.optional(),
      /** Only those in this state. */
      state: z.enum(["ok", "pending", "firing", "unknown", "disabled"]).optional(),
    }),
    reply: pageOf(flowAlarmSchema, "FlowAlarmPage"),
    status: 200,
    passedTo: "collector",
    errors: [],
  }),
  flowAlarmHistory: route({
    id: "flowAlarmHistory",
    method: "GET",
    path: "/v1/flows/alarm-history",
    summary: "What alarms did, the newest first; some hundred events of each are kept.",
    tag: "alarms",
    query: z.strictObject({ ...pageQuery, tenant: nameField.optional(), alarm: nameField.optional() }),
    reply: pageOf(flowAlarmEventSchema, "FlowAlarmEventPage"),
    status: 200,
    passedTo: "collector",
    errors: [],
  }),
  getFlowAlarm: route({
    id: "getFlowAlarm",
    method: "GET",
    path: "/v1/flows/alarms/{alarm}",
    summary: "Read an alarm, with each group that is raised or about to be.",
    tag: "alarms",
    params: alarmParams,
    query: scope,
    reply: flowAlarmDetailSchema,
    status: 200,
    passedTo: "collector",
    errors: ["not_found"],
  }),
  updateFlowAlarm: route({
    id: "updateFlowAlarm",
    method: "PATCH",
    path: "/v1/flows/alarms/{alarm}",
    summary: "Change an alarm. What it has raised stays so unless it comes to mean something else, or is disabled.",
    tag: "alarms",
    params: alarmParams,
    query: scope,
    body: flowAlarmPatchSchema,
    reply: flowAlarmSchema,
    status: 200,
    passedTo: "collector",
    errors: ["not_found", "precondition_failed"],
  }),
  testFlowAlarm: route({
    id: "testFlowAlarm",
    method: "POST",
    path: "/v1/flows/alarms/{alarm}/test",
    summary: "Say what an alarm sees now, and send its webhook a test message, once.",
    tag: "alarms",
    params: alarmParams,
    query: scope,
    reply: flowAlarmTestSchema,
    status: 200,
    passedTo: "collector",
    errors: ["not_found"],
  }),
  deleteFlowAlarm: route({
    id: "deleteFlowAlarm",
    method: "DELETE",
    path: "/v1/flows/alarms/{alarm}",
    summary: "Delete an alarm; its history stays as long as there is room.",
    tag: "alarms",
    params: alarmParams,
    query: scope,
    status: 204,
    passedTo: "collector",
    errors: ["not_found"],
  }),
} as const;
