import { z } from "zod";
import { networkRetentionSchema } from "./claim.ts";
import { labelsField, mtuField, nameField, revisionField, timeField } from "./fields.ts";
import { nodeBlocksSchema } from "./node-block.ts";
import { policyDefaultsSchema } from "./policy/policy-defaults.ts";
import { conflictProbeSchema } from "./quarantine.ts";
import { newSubnetSchema, subnetSchema } from "./subnet.ts";

/**
 * How a network's packets travel between nodes: as frames of the company's VLANs, as frames in an overlay, or routed by the nodes' kernels, which
 * needs no Open vSwitch.
 */
export const networkKindSchema = z.enum(["vlan", "vxlan", "routed"]).meta({ id: "NetworkKind" });
export type NetworkKind = z.output<typeof networkKindSchema>;

const segmentField = z
  .int()
  .min(1)
  .max(0xffffff)
  .meta({ description: "VLAN id (1 to 4094) or VXLAN network identifier (1 to 16777215).", examples: [100] });

const masqueradeField = z.boolean().meta({
  description: "Only of kind `routed`: what leaves the tenant's networks has the address of the container's machine.",
  examples: [true],
});

/** One layer-2 domain of a tenant, or prefixes whose addresses are routed one by one. */
export const networkSchema = z
  .strictObject({
    tenant: nameField,
    name: nameField,
    /** Short id, unique for ever, e.g. `"n7"`: names links and flows on nodes, whatever the network is called. */
    id: z.string().regex(/^n[0-9]{1,9}$/),
    kind: networkKindSchema,
    /** Absent: the kind is `routed`, which has none. */
    segment: segmentField.optional(),
    /** Absent: packets leave with the containers' own addresses. */
    masquerade: masqueradeField.optional(),
    subnets: z.array(subnetSchema).max(64),
    mtu: mtuField,
    /** Whether every node with Docker gets a docker network of the same name. */
    docker: z.boolean(),
    /** Seconds during which a released address is given to nobody else. */
    cooldownSeconds: z.int().min(0).max(604_800),
    /** Absent: every address is asked of the controller. */
    nodeBlocks: nodeBlocksSchema.optional(),
    /** Absent: nobody looks. */
    conflictProbe: conflictProbeSchema.optional(),
    /** Of claims that are made for workloads that their runtime names. Absent: none is made, and their addresses are ephemeral. */
    retention: networkRetentionSchema.optional(),
    /** Of connections of its endpoints that no policy has decided about. Absent: as the tenant says. */
    policyDefaults: policyDefaultsSchema.optional(),
    labels: labelsField,
    createdAt: timeField,
    revision: revisionField,
  })
  .meta({ id: "Network" });
export type Network = z.output<typeof networkSchema>;

export const newNetworkSchema = z
  .strictObject({
    name: nameField,
    kind: networkKindSchema,
    /** Absent: the first free one of the controller's range for the kind; none for `routed`. */
    segment: segmentField.optional(),
    /** Only of kind `routed`. Absent: false. */
    masquerade: masqueradeField.optional(),
    subnets: z.array(newSubnetSchema).max(64).default([]),
    /** Absent: 1500 for `vlan` and `routed`, 1450 for `vxlan`. */
    mtu: mtuField.optional(),
    docker: z.boolean().default(true),
    cooldownSeconds: z.int().min(0).max(604_800).default(60),
    nodeBlocks: nodeBlocksSchema.optional(),
    /** Only of kind `vlan`: in an overlay nobody is unknown. */
    conflictProbe: conflictProbeSchema.optional(),
    retention: networkRetentionSchema.optional(),
    policyDefaults: policyDefaultsSchema.optional(),
    labels: labelsField.default({}),
  })
  .meta({ id: "NewNetwork" });
export type NewNetwork = z.output<typeof newNetworkSchema>;

/** Only what is named changes. Kind and segment never do. */
export const networkPatchSchema = z
  .strictObject({
    docker: z.boolean().optional(),
    mtu: mtuField.optional(),
    /** Only of kind `routed`. */
    masquerade: masqueradeField.optional(),
    cooldownSeconds: z.int().min(0).max(604_800).optional(),
    /** Null: none from now on; nodes give theirs back as they become empty. */
    nodeBlocks: nodeBlocksSchema.nullable().optional(),
    /** Null: nobody looks from now on; what is in quarantine stays there. */
    conflictProbe: conflictProbeSchema.nullable().optional(),
    /** Null: none is made from now on; those that there are keep their own. */
    retention: networkRetentionSchema.nullable().optional(),
    /** Null: as the tenant says. */
    policyDefaults: policyDefaultsSchema.nullable().optional(),
    labels: labelsField.optional(),
  })
  .meta({ id: "NetworkPatch" });
export type NetworkPatch = z.output<typeof networkPatchSchema>;
