import { z } from "zod";
import { nameField, timeField } from "./fields.ts";
import { directionSchema } from "./policy/policy.ts";
import { ruleIdField } from "./policy/policy-rule.ts";

/** Traffic as samples tell it: never exact, unless every packet was sampled. */
export const flowEstimateSchema = z
  .strictObject({
    packets: z.number(),
    bytes: z.number(),
    /** Samples that it is made from. */
    samples: z.number(),
    /** Of these, those that stand for one packet each. */
    exactSamples: z.number(),
    /** How far the packets are from the truth at most, in 95 of 100 cases, in percent of them. 0: every packet was sampled, or there was none. */
    errorPercent: z.number(),
  })
  .meta({ id: "FlowEstimate" });
export type FlowEstimate = z.output<typeof flowEstimateSchema>;

/** Values by the names of the fields that were asked for; null: it has none, or it is not for whoever asks. */
export const flowKeySchema = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
  .meta({ id: "FlowKey" });
export type FlowKey = z.output<typeof flowKeySchema>;

/** One kind of traffic among those that were asked for. */
export const flowGroupSchema = z
  .strictObject({
    key: flowKeySchema,
    traffic: flowEstimateSchema,
    /** Of all traffic that was asked for, 0 to 100. */
    percent: z.number(),
    /** In the time of the same length before. Absent: nobody asked. */
    before: flowEstimateSchema.optional(),
  })
  .meta({ id: "FlowGroup" });
export type FlowGroup = z.output<typeof flowGroupSchema>;

const measure = z.enum(["bytes", "packets"]);

/** What an answer is about. */
const about = {
  from: timeField,
  /** Not included. */
  to: timeField,
  seconds: z.number(),
  /** Fields of the keys. */
  by: z.array(z.string()),
  measure,
  /**
   * Of the bytes of all traffic in that time, whatever the filter: those of which an end has no name, 0 to 100. With a tenant, of the traffic of which
   * an end is his. Absent: there was none.
   */
  unattributedPercent: z.number().optional(),
};

/** Those with the most first. A packet between two containers is counted for both where it is asked by what is a container's own, in `total` once. */
export const topFlowsSchema = z
  .strictObject({
    ...about,
    groups: z.array(flowGroupSchema),
    /** All other groups together. */
    other: z.strictObject({
      groups: z.int(),
      traffic: flowEstimateSchema,
      percent: z.number(),
      before: flowEstimateSchema.optional(),
    }),
    total: flowEstimateSchema,
    totalBefore: flowEstimateSchema.optional(),
  })
  .meta({ id: "TopFlows" });
export type TopFlows = z.output<typeof topFlowsSchema>;

const line = {
  traffic: flowEstimateSchema,
  /** Of the measure, per second, one for each of `times`. */
  rates: z.array(z.number()),
};

/** Rates over time. */
export const flowSeriesSchema = z
  .strictObject({
    ...about,
    /** Seconds between two of `times`. */
    step: z.number(),
    /** Beginnings. */
    times: z.array(timeField),
    groups: z.array(z.strictObject({ key: flowKeySchema, ...line })),
    other: z.strictObject({ groups: z.int(), ...line }),
    total: z.strictObject(line),
  })
  .meta({ id: "FlowSeries" });
export type FlowSeries = z.output<typeof flowSeriesSchema>;

/** One end of a sampled packet; what is not known, or not for whoever asks, is left out. */
const sampleEnd = z.strictObject({
  endpoint: z.string().optional(),
  identity: z.string().optional(),
  groups: z.array(z.string()).optional(),
  tenant: z.string().optional(),
  network: z.string().optional(),
  node: z.string().optional(),
  prefix: z.string().optional(),
  address: z.string().optional(),
  port: z.int().optional(),
});

/** What of a policy has decided. */
export const flowSampleDeciderSchema = z
  .strictObject({
    tenant: nameField,
    policy: nameField,
    direction: directionSchema,
    /** Absent: no rule has allowed it, and the policy isolates. */
    rule: ruleIdField.optional(),
  })
  .meta({ id: "FlowSampleDecider" });
export type FlowSampleDecider = z.output<typeof flowSampleDeciderSchema>;

/** What policies have made of a packet's connection. */
export const flowSampleDecisionSchema = z
  .strictObject({
    verdict: z.enum(["allowed", "denied"]),
    /** Of an allowed one, at each end where a rule has. */
    by: z.array(flowSampleDeciderSchema).max(2),
  })
  .meta({ id: "FlowSampleDecision" });
export type FlowSampleDecision = z.output<typeof flowSampleDecisionSchema>;

/** One sampled packet. */
export const flowSampleSchema = z
  .strictObject({
    at: timeField,
    source: sampleEnd,
    destination: sampleEnd,
    /** Of IP. */
    protocol: z.int().optional(),
    /** Port of the end that serves. */
    service: z.int().optional(),
    /** Low byte of TCP's flags. */
    tcpFlags: z.int().optional(),
    verdict: z.string().optional(),
    /** By the policies that there are now. Absent: nobody asked, it is not clear, or counters do not confirm it. */
    decision: flowSampleDecisionSchema.optional(),
    /** Agent that sampled it. */
    exporter: z.string().optional(),
    vlan: z.int().optional(),
    vni: z.int().optional(),
    /** Whether both ends have a name. */
    attributed: z.boolean(),
    /** Of this packet. */
    bytes: z.number(),
    /** Packets that it stands for. */
    rate: z.number(),
  })
  .meta({ id: "FlowSample" });
export type FlowSample = z.output<typeof flowSampleSchema>;

/** The newest first. */
export const flowSamplesSchema = z.strictObject({ items: z.array(flowSampleSchema) }).meta({ id: "FlowSamples" });
