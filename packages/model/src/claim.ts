import { HoldfastError, parseDuration } from "@holdfast/core";
import { z } from "zod";
import {
  addressField,
  cidrField,
  endpointIdField,
  identityField,
  labelsField,
  macField,
  nameField,
  revisionField,
  timeField,
} from "./fields.ts";
import { selectorField } from "./page.ts";
import { rangeSchema } from "./subnet.ts";

/** How many addresses a claim may have, of both families together. */
export const MOST_CLAIM_ADDRESSES = 32;

/** Of one claim: the IPv4 addresses first, never empty. The first of each family is the one that its MAC and runtimes go by. */
export const claimAddressesField = z.array(addressField).min(1).max(MOST_CLAIM_ADDRESSES);

/** Kept for some seconds after the endpoint is gone. */
const stickySchema = z.strictObject({ kind: z.literal("sticky"), ttlSeconds: z.int().min(1).max(31_536_000) });
/** Kept until released by hand. */
const reservedSchema = z.strictObject({ kind: z.literal("reserved") });

/** How long a claim outlives its endpoint. */
export const retentionSchema = z
  .discriminatedUnion("kind", [
    /** Gone with the endpoint; made by hand, gone when none comes for it within the controller's `reservationTimeout`. */
    z.strictObject({ kind: z.literal("ephemeral") }),
    stickySchema,
    reservedSchema,
  ])
  .meta({ id: "Retention" });
export type Retention = z.output<typeof retentionSchema>;

/** As people write it: `reserved`, `ephemeral` or `sticky:30m`. @throws HoldfastError `invalid_argument`. */
export function parseRetention(text: string): Retention {
  if (text === "reserved" || text === "ephemeral") return { kind: text };
  const time = /^sticky:(.+)$/.exec(text)?.[1];
  const parsed = retentionSchema.safeParse({
    kind: "sticky",
    ttlSeconds: Math.round(parseDuration(time ?? "0s") / 1000),
  });
  if (time !== undefined && parsed.success) return parsed.data;
  throw new HoldfastError("invalid_argument", `${text} is none of reserved, sticky:TIME (1s to 365d), ephemeral`);
}

/** Of claims that are made for workloads because their runtime names them, e.g. for a pod by its namespace and name. */
export const networkRetentionSchema = z
  .discriminatedUnion("kind", [stickySchema, reservedSchema])
  .meta({ id: "NetworkRetention" });

/** Which node serves the claim now. */
export const bindingSchema = z
  .strictObject({ node: nameField, endpoint: endpointIdField, since: timeField })
  .meta({ id: "Binding" });
export type Binding = z.output<typeof bindingSchema>;

/** Identity and network, and the addresses and MAC that belong to them. */
export const claimSchema = z
  .strictObject({
    tenant: nameField,
    network: nameField,
    identity: identityField,
    addresses: claimAddressesField,
    /** Follows from the first address. */
    mac: macField,
    /** Whose ranges it was taken from, and may take from. Absent: what is for everybody. */
    group: nameField.optional(),
    retention: retentionSchema,
    /** Grows with every binding; a node that holds a smaller one has lost the claim. 0: never bound. */
    epoch: z.int().min(0),
    /** Absent: no endpoint serves it. */
    binding: bindingSchema.optional(),
    /** Its addresses have not been on the wire as its own yet: whoever binds it looks for them outside first. Absent: no. */
    probeDue: z.literal(true).optional(),
    /** Only this node may bind it, after a move that named one. */
    heldFor: nameField.optional(),
    /** Its QoS profile, whatever its groups say. Absent: theirs. */
    qos: nameField.optional(),
    /** When a claim that no endpoint has goes: a sticky one after its detach, an ephemeral one that nobody has bound. */
    expiresAt: timeField.optional(),
    labels: labelsField,
    /**
     * What the runtime of the endpoint that binds it says, or of the last one that did, e.g. a pod's namespace. Nobody else changes them; of a key that
     * `labels` has as well, `labels` counts. Absent: none.
     */
    runtimeLabels: labelsField.optional(),
    createdAt: timeField,
    revision: revisionField,
  })
  .meta({ id: "Claim" });
export type Claim = z.output<typeof claimSchema>;

/** All that selectors choose a claim by: what its runtime says, and what people say, who have the last word. */
export function labelsOfClaim({ labels, runtimeLabels }: Pick<Claim, "labels" | "runtimeLabels">): Claim["labels"] {
  return runtimeLabels === undefined ? labels : { ...runtimeLabels, ...labels };
}

export const newClaimSchema = z
  .strictObject({
    identity: identityField,
    /** Exact addresses. Absent: free ones of every family that the network has, all or none. */
    addresses: claimAddressesField.optional(),
    /** How many of each family. Absent: 1. */
    count: z.int().min(1).max(MOST_CLAIM_ADDRESSES).optional(),
    /** Take them from this part of one subnet, and none of the other family. */
    range: rangeSchema.optional(),
    /** Take them from the ranges that subnets set aside for this group; of a family in which it has none, from what is for everybody. */
    group: nameField.optional(),
    /** Take them from this subnet of the network, and none of the other family. */
    subnet: cidrField.optional(),
    retention: retentionSchema.default({ kind: "reserved" }),
    /** Its QoS profile. Absent: that of its groups, if any. */
    qos: nameField.optional(),
    labels: labelsField.default({}),
  })
  .meta({ id: "NewClaim" });
export type NewClaim = z.output<typeof newClaimSchema>;

export const claimPatchSchema = z
  .strictObject({
    retention: retentionSchema.optional(),
    labels: labelsField.optional(),
    /** Null: that of its groups, if any. */
    qos: nameField.nullable().optional(),
  })
  .meta({ id: "ClaimPatch" });
export type ClaimPatch = z.output<typeof claimPatchSchema>;

/** Takes a claim off its endpoint, so that another node can bind it. */
export const claimMoveSchema = z
  .strictObject({
    /** Only this node may bind the claim next. Absent: any. */
    node: nameField.optional(),
    /** Needed when the node that serves it is alive: its endpoint is cut off. */
    force: z.boolean().default(false),
    /** Why, for the record. */
    reason: z.string().max(500).optional(),
  })
  .meta({ id: "ClaimMove" });
export type ClaimMove = z.output<typeof claimMoveSchema>;

/** Passes a claim on: everything but the identity stays. */
export const claimTransferSchema = z
  .strictObject({
    /** Who has it from then on. Must have no claim in the network. */
    identity: identityField,
    /** Why, for the record. */
    reason: z.string().max(500).optional(),
  })
  .meta({ id: "ClaimTransfer" });
export type ClaimTransfer = z.output<typeof claimTransferSchema>;

export const newTenantClaimSchema = newClaimSchema
  .extend({
    /** Labels that the network must have. Absent: any network of the tenant. */
    selector: selectorField,
  })
  .meta({ id: "NewTenantClaim" });
export type NewTenantClaim = z.output<typeof newTenantClaimSchema>;
