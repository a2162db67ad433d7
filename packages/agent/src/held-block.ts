import { Cidr, type Identity, IpAddress } from "@holdfast/core";
import { addressField, identityField, type NodeBlock, nodeBlockSchema, type Range } from "@holdfast/model";
import { z } from "zod";

/** A block of this node as the node keeps it: what it may give, and what of it was in use. */
export const heldBlockSchema = z.strictObject({
  /** The lease: a prefix may come again under another one. */
  id: z.string(),
  ...nodeBlockSchema.omit({ node: true, lease: true, revision: true, since: true }).shape,
  /** When this node heard of it first, epoch milliseconds. */
  since: z.int(),
  /** It is being given back: nothing is given of it any more, whatever becomes of the attempt. */
  givingBack: z.boolean(),
  /** Addresses that were in use, the time of their last release in epoch milliseconds, and whose they were. */
  released: z.array(z.strictObject({ address: addressField, identity: identityField, at: z.int() })),
});
export type HeldBlock = z.output<typeof heldBlockSchema>;

/** The block as the controller has it now, with what this node knew of it. */
export function heldBlock(block: NodeBlock, known: HeldBlock | undefined, now: number): HeldBlock {
  const { node: _, lease, revision: __, since: ___, ...rest } = block;
  const { since = now, givingBack = false, released = [] } = known ?? {};
  return { ...rest, id: lease, since, givingBack, released };
}

/** Whether the address is one that this node may give of the block. */
export function mayGive({ prefix, ranges }: HeldBlock, address: IpAddress): boolean {
  if (!Cidr.contains(prefix, address)) return false;
  const value = IpAddress.toBigInt(address);
  return ranges.some(({ first, last }) => IpAddress.toBigInt(first) <= value && value <= IpAddress.toBigInt(last));
}

export function noteRelease(
  block: HeldBlock,
  release: { readonly addresses: readonly IpAddress[]; readonly identity: Identity; readonly at: number },
): HeldBlock {
  const { addresses, identity, at } = release;
  const others = block.released.filter((one) => !addresses.includes(one.address) || one.at > at);
  const newer = new Set(others.map(({ address }) => address));
  const noted = addresses.filter((address) => !newer.has(address)).map((address) => ({ address, identity, at }));
  return { ...block, released: [...others, ...noted] };
}

/** The block without addresses that machines outside have: the controller has been told, and its word on the block may come later than its answer. */
export function withoutAddresses(block: HeldBlock, gone: readonly IpAddress[]): HeldBlock {
  if (gone.length === 0) return block;
  const ranges = block.ranges.flatMap((range) =>
    gone.reduce((parts, one) => parts.flatMap((part) => around(part, one)), [range]),
  );
  return { ...block, ranges };
}

function around(range: Range, address: IpAddress): Range[] {
  const [first, last, hole] = [range.first, range.last, address].map((each) => IpAddress.toBigInt(each));
  if (first === undefined || last === undefined || hole === undefined || hole < first || hole > last) return [range];
  const at = (value: bigint): IpAddress => IpAddress.fromBigInt(IpAddress.family(address), value);
  return [
    ...(first < hole ? [{ first: range.first, last: at(hole - 1n) }] : []),
    ...(hole < last ? [{ first: at(hole + 1n), last: range.last }] : []),
  ];
}
