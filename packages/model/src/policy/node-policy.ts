import { z } from "zod";
import { cidrField, nameField } from "../fields.ts";
import { directionSchema, tierSchema } from "./policy.ts";
import { actionSchema } from "./policy-rule.ts";

/** Names a set of addresses and its family, e.g. `"group/default/web/v4"`. */
const setIdField = z.string().max(400);
/** Names a program, e.g. `"default/0c2e…"`. */
export const programIdField = z.string().max(200);
/** `TENANT/POLICY`. */
const blockIdField = z.string().max(200);

const portRange = z.strictObject({ first: z.int(), last: z.int() });
const portRangesField = z.tuple([portRange], portRange);

const compiledServiceSchema = z.strictObject({
  protocol: z.int(),
  destinationPorts: portRangesField.optional(),
  sourcePorts: portRangesField.optional(),
  icmp: z.strictObject({ type: z.int(), code: z.int().optional() }).optional(),
});

const compiledRuleSchema = z.strictObject({
  id: z.string().max(400),
  verdict: actionSchema,
  log: z.boolean(),
  remote: z.union([z.literal("any"), z.strictObject({ sets: z.array(setIdField), prefixes: z.array(cidrField) })]),
  services: z.union([z.literal("any"), z.tuple([compiledServiceSchema], compiledServiceSchema)]),
});

const stagesField = z.array(z.strictObject({ disjoint: z.boolean(), rules: z.array(compiledRuleSchema).min(1) }));
const rulesField = z.strictObject({ main: stagesField, foreign: stagesField });
const familyField = z.strictObject({ ingress: rulesField, egress: rulesField });

/** One policy, compiled. What its parts mean: `packages/policy/DESIGN.md`. */
export const policyBlockSchema = z
  .strictObject({
    id: blockIdField,
    tier: tierSchema,
    isolates: z.array(directionSchema),
    v4: familyField,
    v6: familyField,
  })
  .meta({ id: "PolicyBlock" });

const outlineDefaultSchema = z.strictObject({ verdict: z.enum(["allow", "deny"]), network: nameField.optional() });

const setEditSchema = z.strictObject({ id: setIdField, remove: z.array(cidrField), add: z.array(cidrField) });

/** Which programs decide about an endpoint of the node, or, by `network/ID`, about those that it makes by itself in a network. */
const endpointPolicySchema = z.strictObject({
  endpoint: z.string().max(200),
  program: programIdField,
  staged: programIdField.optional(),
});

/** News of policies for one node: one change, or, in a snapshot, everything. */
export const nodePolicyChangeSchema = z
  .strictObject({
    sets: z.array(z.strictObject({ id: setIdField, family: z.enum(["v4", "v6"]), members: z.array(cidrField) })),
    setEdits: z.array(setEditSchema),
    setsGone: z.array(setIdField),
    blocks: z.array(policyBlockSchema),
    blocksGone: z.array(blockIdField),
    programs: z.array(
      z.strictObject({
        id: programIdField,
        tenant: nameField,
        blocks: z.array(blockIdField),
        ingress: outlineDefaultSchema,
        egress: outlineDefaultSchema,
      }),
    ),
    programsGone: z.array(programIdField),
    endpoints: z.array(endpointPolicySchema),
  })
  .meta({ id: "NodePolicyChange" });
