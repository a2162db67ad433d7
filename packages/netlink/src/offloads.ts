import koffi from "koffi";

import { checkLinkName } from "./checks.ts";
import { LITTLE_ENDIAN, viewOf } from "./codec/attributes.ts";
import { attempt, KernelError } from "./kernel-error.ts";
import { check, Errno, libc } from "./libc.ts";

const SIOCETHTOOL = 0x8946;

/** Commands of linux/ethtool.h. */
const ETHTOOL_GSTRINGS = 0x1b;
const ETHTOOL_GSSET_INFO = 0x37;
const ETHTOOL_GFEATURES = 0x3a;
const ETHTOOL_SFEATURES = 0x3b;
const ETH_SS_FEATURES = 4;
const NAME_LENGTH = 32;

/** Checksums left to the device, packets in pieces, packets larger than the MTU, sent or received: by the kernel's own names. */
const OFFLOAD = /^(tx-checksum-.+|tx-scatter-gather.*|.+-segmentation|rx-gro)$/;

/**
 * Turns the offloads of a link off in the namespace of a socket. What a device cannot change but has not on is as it should be.
 *
 * @throws KernelError ENODEV without such a link, EOPNOTSUPP when the device insists on an offload; the message names it.
 */
export function disableOffloads(socket: number, link: string): void {
  checkLinkName(link);
  const task = `turn the offloads of link ${link} off`;
  attempt(task, () => {
    const names = featureNames(socket, link);
    const unwanted = names.flatMap((name, bit) => (OFFLOAD.test(name) ? [bit] : []));
    turnOff(socket, link, names.length, unwanted);
    const active = activeFeatures(socket, link, names.length);
    const insisting = unwanted.filter((bit) => active.has(bit)).map((bit) => names[bit]);
    if (insisting.length > 0) {
      const explanation = `${insisting.join(", ")} cannot be changed`;
      throw new KernelError({ task, errno: Errno.EOPNOTSUPP, explanation });
    }
  });
}

/** Names of the kernel's features by bit, e.g. `"tx-scatter-gather"` first. */
function featureNames(socket: number, link: string): string[] {
  // struct ethtool_sset_info: command, reserved, mask u64 of the sets asked for, then a count for each
  const info = viewOf(ethtool(socket, link, [ETHTOOL_GSSET_INFO, 0, 1 << ETH_SS_FEATURES, 0, 0]));
  const count = info.getUint32(16, LITTLE_ENDIAN);
  // struct ethtool_gstrings: command, set, count, then 32 bytes for each
  const words = [ETHTOOL_GSTRINGS, ETH_SS_FEATURES, count, ...zeros((count * NAME_LENGTH) / 4)];
  const strings = ethtool(socket, link, words).subarray(12);
  return Array.from({ length: count }, (_, bit) => {
    const name = strings.subarray(bit * NAME_LENGTH, (bit + 1) * NAME_LENGTH);
    return new TextDecoder().decode(name.subarray(0, Math.max(0, name.indexOf(0))));
  });
}

/** struct ethtool_sfeatures: command, number of blocks, then for each block of 32 bits the bits that are valid and their values. */
function turnOff(socket: number, link: string, count: number, bits: readonly number[]): void {
  const blocks = Array.from({ length: Math.ceil(count / 32) }, (_, block) => [maskOf(bits, block), 0]);
  ethtool(socket, link, [ETHTOOL_SFEATURES, blocks.length, ...blocks.flat()]);
}

/** struct ethtool_gfeatures: command, number of blocks, then for each: available, requested, active, never changed. */
function activeFeatures(socket: number, link: string, count: number): ReadonlySet<number> {
  const blocks = Math.ceil(count / 32);
  const view = viewOf(ethtool(socket, link, [ETHTOOL_GFEATURES, blocks, ...zeros(4 * blocks)]));
  const isActive = (bit: number): boolean =>
    ((view.getUint32(8 + 16 * (bit >> 5) + 8, LITTLE_ENDIAN) >>> (bit & 31)) & 1) === 1;
  return new Set(Array.from({ length: count }, (_, bit) => bit).filter(isActive));
}

function maskOf(bits: readonly number[], block: number): number {
  return bits.filter((bit) => bit >> 5 === block).reduce((mask, bit) => mask | (1 << (bit & 31)), 0) >>> 0;
}

function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}

/** struct ifreq: name of 16 bytes, pointer, padding to 40. What it points to lies behind it. */
const POINTER_OFFSET = 16;
const DATA_OFFSET = 40;

/** Passes a struct of 32-bit words to the device, and returns it as the kernel filled it in. */
function ethtool(socket: number, link: string, words: readonly number[]): Uint8Array {
  const request = new Uint8Array(DATA_OFFSET + 4 * words.length);
  const view = viewOf(request);
  new TextEncoder().encodeInto(link, request.subarray(0, POINTER_OFFSET - 1));
  view.setBigUint64(POINTER_OFFSET, koffi.address(request) + BigInt(DATA_OFFSET), LITTLE_ENDIAN);
  for (const [index, word] of words.entries()) view.setUint32(DATA_OFFSET + 4 * index, word, LITTLE_ENDIAN);
  check("ioctl SIOCETHTOOL", libc.ioctl(socket, SIOCETHTOOL, request));
  return request.subarray(DATA_OFFSET);
}
