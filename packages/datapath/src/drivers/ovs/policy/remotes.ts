import { Cidr, IpAddress } from "@holdfast/core";
import type { Masked, Match } from "@holdfast/openflow";
import { etherTypeOf, Register } from "./layout.ts";

const WORD = 32;
const WORD_MASK = 0xffff_ffffn;

/** The remote address is in the prefix. */
export function remoteIn(prefix: Cidr): Match {
  const family = Cidr.family(prefix);
  const width = IpAddress.bits(family);
  const length = Cidr.length(prefix);
  const value = IpAddress.toBigInt(Cidr.first(prefix));
  const registers: Record<string, Masked<number>> = {};
  for (const [index, name] of Register.remote.slice(0, width / WORD).entries()) {
    const bits = Math.min(Math.max(length - index * WORD, 0), WORD);
    if (bits === 0) continue;
    const word = Number((value >> BigInt(width - (index + 1) * WORD)) & WORD_MASK);
    registers[name] = bits === WORD ? word : { value: word, mask: (WORD_ALL << (WORD - bits)) >>> 0 };
  }
  return { ethType: etherTypeOf(family), registers };
}

const WORD_ALL = 0xffff_ffff;
