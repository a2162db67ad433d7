import { z } from "zod";
import { addressField, endpointIdField, identityField, nameField, timeField } from "./fields.ts";
import { problemSchema } from "./problem.ts";

/** How the address book and the world can differ. */
export const differenceKindSchema = z
  .enum([
    /** The book has an endpoint that its node does not have. */
    "endpoint-missing",
    /** The book has an endpoint on a node that was deleted. */
    "endpoint-without-node",
    /** Node and book have an endpoint whose sandbox is gone. */
    "endpoint-dead",
    /** A node has an endpoint that the book does not have. */
    "endpoint-unknown",
    /** Node and book have an endpoint, with other addresses or under another identity. */
    "endpoint-differs",
    /** An interface on a node that neither the node's book nor the controller's has an endpoint for. */
    "stray-interface",
    /** An endpoint whose claim is not there or bound by another. */
    "endpoint-without-claim",
    /** A claim that is bound by an endpoint that is not there. */
    "binding-without-endpoint",
    /** An address of a claim is not locked for it. */
    "claim-without-address",
    /** An address is locked for a claim that is not there or does not have it. */
    "address-without-claim",
    /** An ephemeral claim that no endpoint has and that has no end. */
    "claim-without-end",
    /** A claim in a network that is not there, or with an address outside its subnets. */
    "claim-outside",
    /** An address is in quarantine in a network that is not there, or outside its subnets. */
    "quarantine-outside",
    /** An address rests although a claim has it. */
    "rest-of-claimed",
    /** What the controller gives addresses from does not agree with the book. */
    "pool-differs",
    /** The newest event of an address's history says otherwise than the book. */
    "ledger-differs",
    /** What is kept to tell a node that it has lost an endpoint, which it does not have any more. */
    "settled-loss",
  ])
  .meta({ id: "DifferenceKind" });
export type DifferenceKind = z.output<typeof differenceKindSchema>;

/** One thing that the book and the world do not agree on. */
export const differenceSchema = z
  .strictObject({
    kind: differenceKindSchema,
    /** What it is about, e.g. `"endpoint e-0123456789abcdef"`, `"address default/web/10.20.0.7"`. */
    object: z.string().max(500),
    tenant: nameField.optional(),
    network: nameField.optional(),
    identity: identityField.optional(),
    addresses: z.array(addressField).optional(),
    node: nameField.optional(),
    endpoint: endpointIdField.optional(),
    /** One sentence each. */
    book: z.string(),
    world: z.string(),
    /** When it was seen first, unchanged since; and how often. */
    firstSeen: timeField,
    observations: z.int().min(1),
    /** Seen twice, unchanged, with enough time between. Nothing is repaired before. */
    proven: z.boolean(),
    /** What a repair does, or what a person has to do. */
    remedy: z.string(),
    /** Whether `remedy` is something that a repair does. */
    repairable: z.boolean(),
    /** What became of the repair. Absent: none was tried. */
    outcome: z.strictObject({ repaired: z.boolean(), detail: z.string() }).optional(),
  })
  .meta({ id: "Difference" });
export type Difference = z.output<typeof differenceSchema>;

/** How many of each were looked at. */
const countsSchema = z.strictObject({
  nodes: z.int(),
  endpoints: z.int(),
  claims: z.int(),
  addresses: z.int(),
  history: z.int(),
});
export type VerificationCounts = z.output<typeof countsSchema>;

/** One line of a verification, as it goes on; the last is `end` or `error`. */
export const verificationMessageSchema = z
  .discriminatedUnion("kind", [
    /** `total` absent: not known before. */
    z.strictObject({
      kind: z.literal("progress"),
      stage: z.enum(["waiting", "nodes", "endpoints", "claims", "addresses", "pools", "history"]),
      done: z.int(),
      total: z.int().optional(),
    }),
    z.strictObject({ kind: z.literal("difference"), difference: differenceSchema }),
    /** A node of which nothing can be proven, and why: nothing is concluded from that. */
    z.strictObject({ kind: z.literal("unproven"), node: nameField, reason: z.string() }),
    z.strictObject({
      kind: z.literal("end"),
      checked: countsSchema,
      differences: z.int(),
      /** Those that were not listed one by one, because there are too many. */
      unlisted: z.int(),
      proven: z.int(),
      repaired: z.int(),
      /** Seconds after which what was seen for the first time may be proven. 0: nothing waits for that. */
      again: z.int(),
    }),
    z.strictObject({ kind: z.literal("error"), problem: problemSchema }),
  ])
  .meta({ id: "VerificationMessage" });
export type VerificationMessage = z.output<typeof verificationMessageSchema>;
