import { z } from "zod";
import { networkRetentionSchema } from "./claim.ts";
import {
  addressField,
  cidrField,
  endpointIdField,
  identityField,
  macField,
  mtuField,
  nameField,
  revisionField,
} from "./fields.ts";
import { networkKindSchema } from "./network.ts";
import { leaseField, nodeBlockSchema } from "./node-block.ts";
import { nodePolicyChangeSchema } from "./policy/node-policy.ts";
import { endpointQosSchema } from "./qos-profile.ts";

/** A subnet as a node needs it. */
export const wiredSubnetSchema = z.strictObject({ prefix: cidrField, gateway: addressField.optional() });

/** A network as a node needs it. */
export const wiredNetworkSchema = z
  .strictObject({
    /** `"n7"`. */
    id: z.string(),
    tenant: nameField,
    name: nameField,
    kind: networkKindSchema,
    /** Absent: the kind is `routed`. */
    segment: z.int().optional(),
    /** Absent: packets leave with the containers' own addresses. */
    masquerade: z.boolean().optional(),
    mtu: mtuField,
    subnets: z.array(wiredSubnetSchema),
    docker: z.boolean(),
    /** Present: nodes give ephemeral addresses by themselves, each rested for the cool-down, in seconds. */
    nodeBlocks: z.strictObject({ size: z.int(), cooldownSeconds: z.int() }).optional(),
    /** Present: addresses are looked for outside before their claim uses them for the first time. */
    conflictProbe: z.strictObject({ probes: z.int(), milliseconds: z.int() }).optional(),
    /** Present: workloads that their runtime names get a claim with it. */
    retention: networkRetentionSchema.optional(),
  })
  .meta({ id: "WiredNetwork" });
export type WiredNetwork = z.output<typeof wiredNetworkSchema>;

/** An attachment on the node itself, as the controller has it. */
export const boundEndpointSchema = z.strictObject({
  id: endpointIdField,
  tenant: nameField,
  network: nameField,
  identity: identityField,
  epoch: z.int(),
  addresses: z.array(addressField),
  mac: macField,
  /** Absent: none, or the agent has not asked to be told. */
  qos: endpointQosSchema.optional(),
});
export type BoundEndpoint = z.output<typeof boundEndpointSchema>;

/** Addresses of a VXLAN or routed network that live on another node. */
export const remoteEndpointSchema = z.strictObject({
  /** The endpoint's id: key of the row. */
  id: endpointIdField,
  /** Network id, `"n7"`. */
  network: z.string(),
  addresses: z.array(addressField),
  mac: macField,
  /** Where its node takes packets for it. */
  tunnelAddress: addressField,
  /** Of a routed network: the node's addresses, at most one of each family. Absent: only the tunnel address. */
  via: z.array(addressField).min(1).max(2).optional(),
  epoch: z.int(),
});
export type RemoteEndpoint = z.output<typeof remoteEndpointSchema>;

/** A block of a routed network that another node has: what is not said of single addresses is there. */
export const remoteBlockSchema = z.strictObject({
  /** The lease. */
  id: leaseField,
  /** Network id, `"n7"`. */
  network: z.string(),
  prefix: cidrField,
  /** The node's addresses, at most one of each family. */
  via: z.array(addressField).min(1).max(2),
});
export type RemoteBlock = z.output<typeof remoteBlockSchema>;

/**
 * What the controller tells one node, one JSON object per line: first everything, then `synced`, then each change as it happens.
 * A message that is no news may come again. Only what this node needs: every network, its own blocks and endpoints, the remote endpoints of VXLAN
 * networks that have an endpoint here, and the remote blocks, with the endpoints outside them, of routed networks of tenants that have an endpoint
 * or a block of a routed network here.
 */
export const nodeFeedMessageSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("network"), network: wiredNetworkSchema }),
    z.strictObject({ kind: z.literal("network-gone"), id: z.string() }),
    z.strictObject({ kind: z.literal("block"), block: nodeBlockSchema }),
    /** The block is no longer the node's: it gives no address of it any more. */
    z.strictObject({ kind: z.literal("block-gone"), lease: leaseField, reason: z.string() }),
    z.strictObject({ kind: z.literal("endpoint"), endpoint: boundEndpointSchema }),
    /** The node has lost the endpoint (moved, superseded, released by an operator): it must take it off the wire. */
    z.strictObject({ kind: z.literal("endpoint-gone"), id: endpointIdField, reason: z.string() }),
    z.strictObject({ kind: z.literal("remote"), remote: remoteEndpointSchema }),
    z.strictObject({ kind: z.literal("remote-gone"), id: endpointIdField }),
    z.strictObject({ kind: z.literal("remote-block"), block: remoteBlockSchema }),
    z.strictObject({ kind: z.literal("remote-block-gone"), id: leaseField }),
    /**
     * News of policies. With `whole` it is everything: what the node has beyond it is to go, but for what its own endpoints still need. A controller that
     * tells policies tells them whole before everything else, so that from then on an endpoint without one is one that was not told yet.
     */
    z.strictObject({ kind: z.literal("policy"), whole: z.boolean(), change: nodePolicyChangeSchema }),
    /** All that there is has been said: what the node has beyond it is to go. */
    z.strictObject({ kind: z.literal("synced"), revision: revisionField }),
    /** The controller wants to know what the node has; only sent to agents that have told their inventory of themselves. */
    z.strictObject({ kind: z.literal("inventory-wanted"), revision: revisionField }),
    /** A sign of life when there is no news. */
    z.strictObject({ kind: z.literal("beat"), revision: revisionField }),
  ])
  .meta({ id: "NodeFeedMessage" });
export type NodeFeedMessage = z.output<typeof nodeFeedMessageSchema>;
