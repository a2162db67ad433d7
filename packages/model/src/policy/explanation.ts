import { z } from "zod";
import { addressField, identityField, nameField } from "../fields.ts";
import { tierSchema } from "./policy.ts";
import { actionSchema } from "./policy-rule.ts";

const port = z.int().min(0).max(65_535);

/** One end of a connection: a claim by its identity, or whoever has an address. */
export const explainedEndSchema = z
  .strictObject({
    /** Absent: of an address, whoever has it; of an identity, `default`. */
    tenant: nameField.optional(),
    /** Where the claim is, when the identity has several. */
    network: nameField.optional(),
    identity: identityField.optional(),
    address: addressField.optional(),
  })
  .refine(({ identity, address }) => (identity === undefined) !== (address === undefined), {
    message: "an identity or an address",
    path: ["identity"],
  })
  .meta({ id: "ExplainedEnd", examples: [{ identity: "web-0" }, { address: "192.0.2.7" }] });
export type ExplainedEnd = z.output<typeof explainedEndSchema>;

/** Who would begin a connection with whom, and what they would speak. */
export const explainRequestSchema = z
  .strictObject({
    from: explainedEndSchema,
    to: explainedEndSchema,
    protocol: z.union([z.enum(["tcp", "udp", "sctp", "icmp", "icmpv6"]), z.int().min(0).max(255)]).default("tcp"),
    /** Needed for TCP, UDP and SCTP. */
    port: port.optional(),
    /** Of who begins. Absent: 49152, the first that programs are given. */
    sourcePort: port.optional(),
    /** Of ICMP. Absent: an echo request. */
    icmp: z.strictObject({ type: z.int().min(0).max(255), code: z.int().min(0).max(255).default(0) }).optional(),
    /** Where both ends have addresses of both. Absent: v4. */
    family: z.enum(["v4", "v6"]).optional(),
  })
  .meta({ id: "ExplainRequest" });
export type ExplainRequest = z.output<typeof explainRequestSchema>;

/** What became of one rule that was asked. */
export const explainedStepSchema = z
  .strictObject({
    tier: tierSchema,
    policy: nameField,
    /** Its id in the policy. */
    rule: z.string(),
    action: actionSchema,
    /** Absent: it matched. */
    mismatch: z.enum(["peers", "services", "other-tenant", "not-shared"]).optional(),
    /** The policy is only staged. */
    staged: z.literal(true).optional(),
  })
  .meta({ id: "ExplainedStep" });

export const verdictSchema = z.enum(["allow", "deny"]).meta({ id: "Verdict" });

/** What the policies of one end say. */
export const explainedVerdictSchema = z
  .strictObject({
    verdict: verdictSchema,
    /** What decided: `rule/…`, `isolates/…`, `default/…` or `isolation/…`. */
    rule: z.string(),
    /** Every rule that was asked, in order. */
    steps: z.array(explainedStepSchema),
  })
  .meta({ id: "ExplainedVerdict" });
export type ExplainedVerdict = z.output<typeof explainedVerdictSchema>;

const foundEndSchema = z.strictObject({
  address: addressField,
  /** Absent: nobody has claimed the address. */
  claim: z.strictObject({ tenant: nameField, network: nameField, identity: identityField }).optional(),
});

const bothEnds = {
  verdict: verdictSchema,
  /** Absent: who begins is outside, and no policy is asked there. */
  egress: explainedVerdictSchema.optional(),
  /** Likewise. */
  ingress: explainedVerdictSchema.optional(),
};

/** Whether a connection would be allowed, and why: at the end that begins it, and at the other one. */
export const explanationSchema = z
  .strictObject({
    from: foundEndSchema,
    to: foundEndSchema,
    ...bothEnds,
    /** What would be with staged policies enforced. Absent: the same. */
    staged: z.strictObject(bothEnds).optional(),
    /** Why there is no way, whatever policies say. Absent: there may be one. */
    unreachable: z.string().optional(),
  })
  .meta({ id: "Explanation" });
export type Explanation = z.output<typeof explanationSchema>;
