import { Cidr, IpAddress } from "@holdfast/core";
import { z } from "zod";
import { addressField, cidrField, identityField, nameField, revisionField, timeField } from "./fields.ts";
import { rangeSchema } from "./subnet.ts";

/** Addresses of one block: a power of two. */
const blockSizeField = z
  .int()
  .min(4)
  .max(256)
  .refine((size) => (size & (size - 1)) === 0, "a block has 4, 8, 16, 32, 64, 128 or 256 addresses")
  .meta({ description: "Addresses of a block, a power of two from 4 to 256.", examples: [16] });

/** Lets nodes give ephemeral addresses of a network by themselves, from blocks that are leased to them. */
export const nodeBlocksSchema = z
  .strictObject({
    /** 16: a /28 in IPv4, a /124 in IPv6. Blocks that nodes have keep their size when it changes. */
    size: blockSizeField.default(16),
  })
  .meta({ id: "NodeBlocks" });
export type NodeBlocks = z.output<typeof nodeBlocksSchema>;

/** Tells one lease of a prefix from the next. */
export const leaseField = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,64}$/, "not a lease")
  .meta({ description: "Id of one lease of a block.", examples: ["b-3f0c9a1d2e4b5a67"] });

/** An aligned part of a subnet that one node gives addresses from. */
export const nodeBlockSchema = z
  .strictObject({
    tenant: nameField,
    network: nameField,
    prefix: cidrField,
    node: nameField,
    lease: leaseField,
    /** What its node may give, in ascending order: neither the gateway, nor exclusions, nor what the authority has taken into its own hands. */
    ranges: z.array(rangeSchema).max(256),
    /** The node has been asked to give it back as soon as none of its addresses is in use. */
    returning: z.boolean().optional(),
    since: timeField,
    revision: revisionField,
  })
  .meta({ id: "NodeBlock" });
export type NodeBlock = z.output<typeof nodeBlockSchema>;

/** A block with how much of it is in use, as far as its node has reported. */
export const nodeBlockUsageSchema = z
  .strictObject({
    ...nodeBlockSchema.shape,
    /** Addresses that its node may give. */
    capacity: z.int(),
    /** Those of them that are claimed. */
    used: z.int(),
  })
  .meta({ id: "NodeBlockUsage" });
export type NodeBlockUsage = z.output<typeof nodeBlockUsageSchema>;

/** A node needs a block, besides those that it has. With the same list the answer is the same. */
export const blockRequestSchema = z
  .strictObject({
    tenant: nameField,
    network: nameField,
    family: z.enum(["v4", "v6"]),
    /** Leases that the node knows of. When it has another one, that is the answer: it was given before, and the answer was lost. */
    held: z.array(leaseField).max(4096),
  })
  .meta({ id: "BlockRequest" });
export type BlockRequest = z.output<typeof blockRequestSchema>;

/** A node gives a block back. None of its addresses is in use. */
export const blockReturnSchema = z
  .strictObject({
    tenant: nameField,
    network: nameField,
    prefix: cidrField,
    lease: leaseField,
    /** Addresses that were in use a short while ago, and since when not. */
    resting: z
      .array(z.strictObject({ address: addressField, identity: identityField, releasedAt: timeField }))
      .max(256),
  })
  .meta({ id: "BlockReturn" });
export type BlockReturn = z.output<typeof blockReturnSchema>;

/** Every address that a block's node may give. */
export function* addressesOf({ ranges, prefix }: Pick<NodeBlock, "ranges" | "prefix">): Iterable<IpAddress> {
  const family = Cidr.family(prefix);
  for (const { first, last } of ranges) {
    const end = IpAddress.toBigInt(last);
    for (let value = IpAddress.toBigInt(first); value <= end; value++) yield IpAddress.fromBigInt(family, value);
  }
}
