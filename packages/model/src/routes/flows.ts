import { z } from "zod";
import { durationField, identityField, momentField, nameField } from "../fields.ts";
import { flowSampleSchema, flowSamplesSchema, flowSeriesSchema, topFlowsSchema } from "../flow-answer.ts";
import { flowCountersPageSchema } from "../flow-counters.ts";
import { flowDropsSchema } from "../flow-drops.ts";
import { pageQuery } from "../page.ts";
import { route } from "../route.ts";

/** Texts to filter by, e.g. `identity=redis-0 service=6379`; docs/flows.md has the language. */
const scope = {
  /** Only this tenant's traffic, as he may see it. Absent: everybody's. */
  tenant: nameField.optional(),
  filter: z
    .string()
    .max(4000)
    .optional()
    .meta({ examples: ["identity=redis-0 service=6379"] }),
};

const range = {
  /** How far to look back from `to`. Absent, without `from`: 15m. */
  last: durationField.optional(),
  from: momentField.optional(),
  /** Not included. Absent: as far as there is traffic. */
  to: momentField.optional(),
};

/** Absent: all that was counted since the collector first heard of each port. */
const countedRange = {
  /** What was counted in this time before `to`; rates are the mean of it. */
  last: durationField.optional(),
  from: momentField.optional(),
  /** Not included. Absent: now. */
  to: momentField.optional(),
};

const ranking = {
  measure: z.enum(["bytes", "packets"]).default("bytes"),
  /** `csv`: text/csv instead of JSON. */
  format: z.enum(["json", "csv"]).default("json"),
};

/** Fields with commas between them. */
const fieldsField = z
  .string()
  .max(300)
  .meta({ examples: ["identity", "network,direction"] });

const limitTo = (fallback: number) => z.coerce.number().int().min(1).max(1000).default(fallback);

/** Questions about sampled traffic. A collector answers them; a controller passes them on to its own. */
export const flowRoutes = {
  topFlows: route({
    id: "topFlows",
    method: "GET",
    path: "/v1/flows/top",
    summary: "Who has the most traffic, by any fields, with everybody else as one.",
    tag: "flows",
    query: z.strictObject({
      ...scope,
      ...range,
      ...ranking,
      by: fieldsField.default("identity"),
      limit: limitTo(10),
      /** `true`: each with what it had in the time before. */
      compare: z.enum(["true", "false"]).default("false"),
    }),
    reply: topFlowsSchema,
    status: 200,
    passedTo: "collector",
    errors: [],
  }),
  flowSeries: route({
    id: "flowSeries",
    method: "GET",
    path: "/v1/flows/series",
    summary: "Rates over time, by any fields, of those who have the most.",
    tag: "flows",
    query: z.strictObject({
      ...scope,
      ...range,
      ...ranking,
      by: fieldsField.default(""),
      limit: limitTo(5),
      /** Time between two points. Absent: some 60 points. */
      step: durationField.optional(),
    }),
    reply: flowSeriesSchema,
    status: 200,
    passedTo: "collector",
    errors: [],
  }),
  flowMatrix: route({
    id: "flowMatrix",
    method: "GET",
    path: "/v1/flows/matrix",
    summary: "Who talks to whom: traffic by a field of its source and the same of its destination.",
    tag: "flows",
    query: z.strictObject({
      ...scope,
      ...range,
      ...ranking,
      by: fieldsField.default("identity"),
      limit: limitTo(100),
    }),
    reply: topFlowsSchema,
    status: 200,
    passedTo: "collector",
    errors: [],
  }),
  flowSamples: route({
    id: "flowSamples",
    method: "GET",
    path: "/v1/flows/samples",
    summary: "Single sampled packets, the newest first; they are kept for minutes.",
    tag: "flows",
    query: z.strictObject({
      ...scope,
      ...range,
      format: ranking.format,
      limit: limitTo(100),
      /** `true`: each with the `decision` of policies, where it is clear and their counters confirm it. Only a controller knows it. */
      verdict: z.enum(["true", "false"]).default("false"),
    }),
    reply: flowSamplesSchema,
    status: 200,
    passedTo: "collector",
    errors: [],
  }),
  flowCounters: route({
    id: "flowCounters",
    method: "GET",
    path: "/v1/flows/counters",
    summary: "What switches have counted at containers' ports: exact, and apart from estimates.",
    tag: "flows",
    query: z.strictObject({
      ...pageQuery,
      tenant: nameField.optional(),
      network: nameField.optional(),
      identity: identityField.optional(),
      node: nameField.optional(),
      ...countedRange,
    }),
    reply: flowCountersPageSchema,
    status: 200,
    passedTo: "collector",
    errors: [],
  }),
  flowDrops: route({
    id: "flowDrops",
    method: "GET",
    path: "/v1/flows/drops",
    summary: "What rules of policies, and guards against spoofing, have dropped: exact, in all or over time.",
    tag: "flows",
    query: z.strictObject({
      ...range,
      /** Only this tenant's policies. Absent: everybody's, and guards. */
      tenant: nameField.optional(),
      policy: nameField.optional(),
      node: nameField.optional(),
      by: fieldsField.default("rule"),
      limit: limitTo(20),
      /** Time between two points. Absent: only sums. */
      step: durationField.optional(),
    }),
    reply: flowDropsSchema,
    status: 200,
    passedTo: "collector",
    errors: [],
  }),
  tailFlows: route({
    id: "tailFlows",
    method: "GET",
    path: "/v1/flows/tail",
    summary: "Sampled packets as they come; when there are too many to tell, some are left out.",
    tag: "flows",
    query: z.strictObject(scope),
    reply: flowSampleSchema,
    status: 200,
    stream: true,
    passedTo: "collector",
    errors: [],
  }),
} as const;
