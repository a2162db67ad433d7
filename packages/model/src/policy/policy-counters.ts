import { z } from "zod";
import { nameField, timeField } from "../fields.ts";
import { directionSchema, policyModeSchema } from "./policy.ts";
import { actionSchema, ruleIdField } from "./policy-rule.ts";

/** Rules of one report; what has changed beyond them comes with the next. */
export const MOST_COUNTED_RULES = 2000;

const counts = { packets: z.int().min(0), bytes: z.int().min(0) };

/**
 * What guards against spoofing stop: frames from another MAC than the endpoint's, packets from addresses that are not its own, ARP and neighbour
 * discovery (`nd`) about others, what only routers (`ra`) and DHCP servers say, and frames with a VLAN tag (counted on Open vSwitch alone).
 */
export const guardSchema = z.enum(["mac", "ip", "arp", "nd", "ra", "dhcp", "vlan"]).meta({ id: "Guard" });
export type Guard = z.output<typeof guardSchema>;

/** What a node's rules and guards have counted since its report before. One that comes again is known by its number. */
export const countsReportSchema = z
  .strictObject({
    /** Of the life of the agent. */
    run: z.string().min(1).max(64),
    /** One more with each report of the life. */
    sequence: z.int().min(1),
    /** When the life began to count. */
    since: timeField,
    /** With this one the controller has heard all that the life has counted: the rest comes in it and in those that follow. Absent: it goes on from the one before. */
    rest: z.literal(true).optional(),
    rules: z
      .array(z.strictObject({ rule: z.string().max(400), mode: policyModeSchema, ...counts }))
      .max(MOST_COUNTED_RULES),
    guards: z.array(z.strictObject({ guard: guardSchema, ...counts })).max(16),
  })
  .meta({ id: "CountsReport" });
export type CountsReport = z.output<typeof countsReportSchema>;

/** What the controller knows of the life that has reported. */
export const countsAnswerSchema = z
  .strictObject({
    /** False: it has begun after the life, and not heard its first report; the node tells the rest. */
    whole: z.boolean(),
  })
  .meta({ id: "CountsAnswer" });
export type CountsAnswer = z.output<typeof countsAnswerSchema>;

/** What the rules of a policy have decided on all nodes: of an allowed connection at least the first packet, of a denied one each. */
export const policyCountersSchema = z
  .strictObject({
    tenant: nameField,
    policy: nameField,
    /** `staged`: what they would have decided. */
    mode: policyModeSchema,
    /** Kept by the controller that nodes report to. One that begins anew is told what nodes have counted since their agents began. */
    since: timeField,
    rules: z.array(
      z.strictObject({
        direction: directionSchema,
        /** Absent: what no rule of its tier has allowed, in a direction that the policy isolates. */
        rule: ruleIdField.optional(),
        action: actionSchema,
        ...counts,
      }),
    ),
  })
  .meta({ id: "PolicyCounters" });
export type PolicyCounters = z.output<typeof policyCountersSchema>;

/** What each node's guards against spoofing have dropped. */
export const guardCountersSchema = z
  .strictObject({
    since: timeField,
    guards: z.array(z.strictObject({ node: nameField, guard: guardSchema, ...counts })),
  })
  .meta({ id: "GuardCounters" });
export type GuardCounters = z.output<typeof guardCountersSchema>;
