import { z } from "zod";

const traffic = {
  /** `bytes`: bit/s; `packets`: packets per second. */
  measure: z.enum(["bytes", "packets"]).default("bytes"),
  /** Which traffic, as questions have it. Absent: all. */
  filter: z
    .string()
    .max(4000)
    .optional()
    .meta({ examples: ["network=web direction=ingress"] }),
  /** Fields to tell apart, with commas between: each group has a state of its own. Absent: all traffic is one. */
  by: z
    .string()
    .max(300)
    .optional()
    .meta({ examples: ["identity"] }),
};

/** What an alarm watches. */
export const flowAlarmSubjectSchema = z
  .discriminatedUnion("kind", [
    /** Bit/s or packets per second. */
    z.strictObject({ kind: z.literal("rate"), ...traffic }),
    /** Percent: of each group in the traffic that the filter means; without `by`, of that traffic in all. */
    z.strictObject({ kind: z.literal("share"), ...traffic }),
    /** Percent of all bytes of which an end has no name; a tenant's: of the bytes of which an end is his. */
    z.strictObject({ kind: z.literal("unattributed") }),
    /** Packets per second that the ports of each identity threw away, as switches count them. */
    z.strictObject({ kind: z.literal("drops") }),
    /** Packets per second that the rules of each policy dropped, as nodes count them. */
    z.strictObject({ kind: z.literal("denied") }),
    /** Seconds for which nothing came of an exporter; of each agent address. Not for tenants. */
    z.strictObject({ kind: z.literal("silent") }),
  ])
  .meta({ id: "FlowAlarmSubject" });
export type FlowAlarmSubject = z.output<typeof flowAlarmSubjectSchema>;
