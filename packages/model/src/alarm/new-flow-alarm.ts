import { parseDuration } from "@holdfast/core";
import { z } from "zod";
import { durationField, labelsField } from "../fields.ts";
import { type LevelTerms, whyWrongLevels } from "./levels.ts";
import { flowAlarmSubjectSchema } from "./subject.ts";

/** A duration between two others, e.g. `durationBetween("10s", "1h")`. */
function durationBetween(least: string, most: string) {
  return durationField.refine((text) => {
    const milliseconds = parseDuration(text);
    return milliseconds >= parseDuration(least) && milliseconds <= parseDuration(most);
  }, `a duration from ${least} to ${most}`);
}

/** A value as people write it: a number in the alarm's unit, `100Mbit`, `20k`, `5%` or `2m`. */
export const levelField = z.union([z.number().min(0).max(1e15), z.string().max(32)]).meta({ examples: ["100Mbit"] });

const waitField = durationBetween("0s", "1d").default("0s");

/** Where an alarm gets its news to. Neither address nor secret is told again. */
const newWebhookSchema = z.strictObject({
  /** http or https; without user and password. */
  url: z
    .string()
    .max(2000)
    .superRefine((text, context) => {
      const why = whyNoWebhook(text);
      if (why !== undefined) context.addIssue({ code: "custom", message: why });
    })
    .meta({ examples: ["https://hooks.example.com/holdfast"] }),
  /** Signs what is sent (HMAC-SHA256, as standardwebhooks.com has it): any text, or `whsec_` and base64. Absent: nothing is signed. */
  secret: z
    .string()
    .min(16, "at least 16 characters")
    .max(200)
    .refine(
      (text) => !text.startsWith("whsec_") || /^[A-Za-z0-9+/]{22,}={0,2}$/.test(text.slice(6)),
      "what begins with whsec_ goes on with base64 of 16 bytes at least",
    )
    .optional(),
});

function whyNoWebhook(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) return "not an http or https address";
  if (url.username !== "" || url.password !== "") return "an address with user and password; take a secret instead";
  return undefined;
}

const terms = {
  on: flowAlarmSubjectSchema,
  /** Time over which rates and shares are taken: 10s to 1h, in steps of 10s, for windows are no longer. */
  over: durationBetween("10s", "1h")
    .refine((text) => parseDuration(text) % 10_000 === 0, "a multiple of 10s")
    .default("1m"),
  /** Whether too much or too little is what raises it. */
  when: z.enum(["above", "below"]).default("above"),
  /** Raised when the value has been at `at` or beyond for so long. */
  raise: z.strictObject({ at: levelField, for: waitField }),
  /** Cleared when it has been on the other side of `at` for so long. `at` absent: that of `raise`. */
  clear: z.strictObject({ at: levelField.optional(), for: waitField }).prefault({}),
  /** `false`: nothing is watched, and what was raised is cleared. */
  enabled: z.boolean().default(true),
  /** For people; comes with every message. */
  description: z.string().max(300).optional(),
  webhook: newWebhookSchema.optional(),
};

function checkLevels(alarm: LevelTerms, context: z.RefinementCtx): void {
  const wrong = whyWrongLevels(alarm);
  if (wrong !== undefined) context.addIssue({ code: "custom", path: wrong.path, message: wrong.message });
}

/** What an alarm is to do. */
export const flowAlarmSpecSchema = z.strictObject(terms).superRefine(checkLevels);

/** An alarm, as somebody wants it; what is left out is as it is by itself. */
export const newFlowAlarmSchema = z
  .strictObject({ ...terms, labels: labelsField.default({}) })
  .superRefine(checkLevels)
  .meta({ id: "NewFlowAlarm" });
export type NewFlowAlarm = z.output<typeof newFlowAlarmSchema>;
export type NewFlowAlarmInput = z.input<typeof newFlowAlarmSchema>;
