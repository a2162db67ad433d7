import { errorText } from "@holdfast/core";
import { z } from "zod";
import { identityField, labelsField, nameField, revisionField, timeField } from "./fields.ts";
import { burstText, defaultBurst, parseBurst, parseRate, rateText } from "./rate.ts";

/** Text that is checked and kept as it is best written. */
function amount(rewrite: (text: string) => string, meta: { description: string; example: string }) {
  return z
    .string()
    .max(40)
    .transform((text, context) => {
      try {
        return rewrite(text);
      } catch (error) {
        context.issues.push({ code: "custom", message: errorText(error), input: text });
        return z.NEVER;
      }
    })
    .meta({ description: meta.description, examples: [meta.example] });
}

export const rateField = amount((text) => rateText(parseRate(text)), {
  description: "Bits per second of whole Ethernet frames, decimal.",
  example: "100Mbit",
});

export const burstField = amount((text) => burstText(parseBurst(text)), {
  description: "Bytes.",
  example: "64KiB",
});

/** What DSCPs are called (RFC 2474, 2597, 3246, 5865, 8622). */
export const DSCP_NAMES = {
  ...{ cs0: 0, cs1: 8, cs2: 16, cs3: 24, cs4: 32, cs5: 40, cs6: 48, cs7: 56 },
  ...{ af11: 10, af12: 12, af13: 14, af21: 18, af22: 20, af23: 22 },
  ...{ af31: 26, af32: 28, af33: 30, af41: 34, af42: 36, af43: 38 },
  ...{ ef: 46, va: 44, le: 1 },
} as const;
type DscpName = keyof typeof DSCP_NAMES;

/** The number, whatever it was written as. */
export const dscpField = z
  .union([z.int().min(0).max(63), z.enum(Object.keys(DSCP_NAMES) as [DscpName, ...DscpName[]])], {
    error: `a number from 0 to 63, or one of ${Object.keys(DSCP_NAMES).join(", ")}`,
  })
  .transform((value) => (typeof value === "number" ? value : DSCP_NAMES[value]))
  .meta({ description: "Differentiated services code point, as a number or by its name.", examples: ["af41"] });

/** Of one direction, as the endpoint sees it: `egress` is what it sends. */
export const directionQosSchema = z
  .strictObject({
    /** What it may use; more waits, and is dropped when too much waits. Absent: no limit. */
    rate: rateField.optional(),
    /** What may go at once above the rate. Absent: 64 KiB, or two milliseconds of the rate if that is more. */
    burst: burstField.optional(),
    /** Packets per second; more are dropped. Absent: no limit. */
    packets: z.int().min(10).max(100_000_000).optional(),
  })
  .refine(({ rate, burst }) => rate !== undefined || burst === undefined, {
    path: ["burst"],
    message: "a burst goes with a rate; name the rate as well",
  })
  .meta({ id: "DirectionQos" });
export type DirectionQos = z.output<typeof directionQosSchema>;

const terms = {
  /** What reaches the endpoint. Absent: no limit. */
  ingress: directionQosSchema.optional(),
  /** What the endpoint sends. Absent: no limit. */
  egress: directionQosSchema.optional(),
  /** How many connections it may have at once, whoever begins them; one more is dropped. Absent: no limit. */
  connections: z.int().min(1).max(1_000_000).optional(),
  /** What is written into all that it sends. Absent: what it writes itself. */
  dscp: dscpField.optional(),
  /** What the endpoint gets of its node's uplink at least, however much others send. Absent: its share of what is left. */
  guarantee: rateField.optional(),
};

/** Limits, marks and guarantees for endpoints: those of claims in groups that name it, and of claims that name it themselves. */
export const qosProfileSchema = z
  .strictObject({
    tenant: nameField,
    name: nameField,
    ...terms,
    labels: labelsField,
    createdAt: timeField,
    revision: revisionField,
  })
  .meta({ id: "QosProfile" });
export type QosProfile = z.output<typeof qosProfileSchema>;
export type QosTerms = Pick<QosProfile, keyof typeof terms>;

export const newQosProfileSchema = z
  .strictObject({ name: nameField, ...terms, labels: labelsField.default({}) })
  .meta({ id: "NewQosProfile" });
export type NewQosProfile = z.output<typeof newQosProfileSchema>;

/** Only what is named changes; null: none. A direction is replaced as a whole. */
export const qosProfilePatchSchema = z
  .strictObject({
    ingress: terms.ingress.nullable(),
    egress: terms.egress.nullable(),
    connections: terms.connections.nullable(),
    dscp: terms.dscp.nullable(),
    guarantee: terms.guarantee.nullable(),
    labels: labelsField.optional(),
  })
  .meta({ id: "QosProfilePatch" });
export type QosProfilePatch = z.output<typeof qosProfilePatchSchema>;

/** Which claim is asked about. */
export const qosQuestionSchema = z
  .strictObject({ tenant: nameField, network: nameField, identity: identityField })
  .meta({ id: "QosQuestion" });
export type QosQuestion = z.output<typeof qosQuestionSchema>;

/** Who names a profile for a claim: itself, or a group that it is in. */
const namedBySchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("claim") }),
  z.strictObject({ kind: z.literal("group"), group: nameField }),
]);

/** Which profile a claim's endpoint has, and why. */
export const qosExplanationSchema = z
  .strictObject({
    /** Absent: none. */
    profile: qosProfileSchema.optional(),
    /** Who names it. Absent: nobody names one. */
    by: namedBySchema.optional(),
    /** What would name a profile for it as well and gives way, in the order in which it would count. */
    passedOver: z.array(z.strictObject({ profile: nameField, by: namedBySchema })),
  })
  .meta({ id: "QosExplanation" });
export type QosExplanation = z.output<typeof qosExplanationSchema>;

const limitSchema = z.strictObject({
  /** Bits per second. */
  rate: z.int().optional(),
  /** Bytes; with a rate. */
  burst: z.int().optional(),
  /** Per second. */
  packets: z.int().optional(),
});
export type QosLimit = z.output<typeof limitSchema>;

/** What an endpoint's node has to do for it, in numbers. */
export const endpointQosSchema = z
  .strictObject({
    /** Whose terms these are. Absent: only its runtime has asked for some. */
    profile: nameField.optional(),
    ingress: limitSchema.optional(),
    egress: limitSchema.optional(),
    connections: z.int().optional(),
    /** 0 to 63. */
    dscp: z.int().optional(),
    /** Bits per second. */
    guarantee: z.int().optional(),
  })
  .meta({ id: "EndpointQos" });
export type EndpointQos = z.output<typeof endpointQosSchema>;

/** The terms in numbers. */
export function endpointQos(profile: QosTerms & Pick<QosProfile, "name">): EndpointQos {
  const { name, connections, dscp, guarantee } = profile;
  const [ingress, egress] = [limitOf(profile.ingress), limitOf(profile.egress)];
  return {
    profile: name,
    ...(ingress === undefined ? {} : { ingress }),
    ...(egress === undefined ? {} : { egress }),
    ...(connections === undefined ? {} : { connections }),
    ...(dscp === undefined ? {} : { dscp }),
    ...(guarantee === undefined ? {} : { guarantee: parseRate(guarantee) }),
  };
}

function limitOf({ rate: text, burst, packets }: DirectionQos = {}): QosLimit | undefined {
  if (text === undefined && packets === undefined) return undefined;
  const rate = text === undefined ? undefined : parseRate(text);
  const shaped =
    rate === undefined ? {} : { rate, burst: burst === undefined ? defaultBurst(rate) : parseBurst(burst) };
  return { ...shaped, ...(packets === undefined ? {} : { packets }) };
}

/** Both at once: of each limit the narrower one counts, and what only one of them says. */
export function narrower(a: EndpointQos, b: EndpointQos): EndpointQos {
  const [ingress, egress] = [narrowerLimit(a.ingress, b.ingress), narrowerLimit(a.egress, b.egress)];
  return {
    ...b,
    ...a,
    ...(ingress === undefined ? {} : { ingress }),
    ...(egress === undefined ? {} : { egress }),
    ...least("connections", a.connections, b.connections),
  };
}

function narrowerLimit(a: QosLimit | undefined, b: QosLimit | undefined): QosLimit | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const { rate, burst } = (a.rate ?? Infinity) <= (b.rate ?? Infinity) ? a : b;
  const shaped = rate === undefined ? {} : { rate, ...(burst === undefined ? {} : { burst }) };
  return { ...shaped, ...least("packets", a.packets, b.packets) };
}

function least<Key extends string>(
  key: Key,
  ...values: readonly (number | undefined)[]
): { readonly [K in Key]?: number } {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? {} : ({ [key]: Math.min(...known) } as { readonly [K in Key]?: number });
}
