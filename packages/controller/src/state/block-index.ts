import { Cidr, type Family, IpAddress } from "@holdfast/core";
import type { NodeBlock } from "@holdfast/model";

/** The blocks of one network that nodes have, found by an address in them. */
export class BlockIndex {
  readonly #blocks = new Map<Cidr, NodeBlock>();
  /** How many blocks there are of each prefix length: few lengths, as the size of a network's blocks seldom changes. */
  readonly #lengths: Readonly<Record<Family, Map<number, number>>> = { v4: new Map(), v6: new Map() };

  get size(): number {
    return this.#blocks.size;
  }

  get(prefix: Cidr): NodeBlock | undefined {
    return this.#blocks.get(prefix);
  }

  values(): Iterable<NodeBlock> {
    return this.#blocks.values();
  }

  put(block: NodeBlock): void {
    if (!this.#blocks.has(block.prefix)) this.#count(block.prefix, 1);
    this.#blocks.set(block.prefix, block);
  }

  delete(prefix: Cidr): void {
    if (this.#blocks.delete(prefix)) this.#count(prefix, -1);
  }

  /** The block of which a node may give this address; undefined: no node may. */
  givenFrom(address: IpAddress): NodeBlock | undefined {
    const block = this.around(address);
    return block !== undefined && mayGive(block, address) ? block : undefined;
  }

  /** The block that the address lies in, whether or not its node may give it. */
  around(address: IpAddress): NodeBlock | undefined {
    if (this.#blocks.size === 0) return undefined;
    for (const length of this.#lengths[IpAddress.family(address)].keys()) {
      const block = this.#blocks.get(Cidr.of(address, length));
      if (block !== undefined) return block;
    }
    return undefined;
  }

  #count(prefix: Cidr, step: 1 | -1): void {
    const lengths = this.#lengths[Cidr.family(prefix)];
    const length = Cidr.length(prefix);
    const count = (lengths.get(length) ?? 0) + step;
    if (count > 0) lengths.set(length, count);
    else lengths.delete(length);
  }
}

function mayGive({ ranges }: NodeBlock, address: IpAddress): boolean {
  const value = IpAddress.toBigInt(address);
  return ranges.some(({ first, last }) => IpAddress.toBigInt(first) <= value && value <= IpAddress.toBigInt(last));
}
