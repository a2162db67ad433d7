import koffi from "koffi";

import { checkLinkName } from "./checks.ts";
import { LITTLE_ENDIAN, viewOf } from "./codec/attributes.ts";
import { KernelError } from "./kernel-error.ts";
import { check, Errno, libc, SystemError } from "./libc.ts";

const SIOCETHTOOL = 0x8946;

/** linux/ethtool.h, each with its command to read and to set: what a userspace switch cannot follow. */
const OFFLOADS = [
  { name: "tx-checksum", get: 0x16, set: 0x17 },
  { name: "scatter-gather", get: 0x18, set: 0x19 },
  { name: "tso", get: 0x1e, set: 0x1f },
  { name: "gso", get: 0x23, set: 0x24 },
  { name: "gro", get: 0x2b, set: 0x2c },
] as const;

/** struct ifreq: name of 16 bytes, pointer, padding to 40. Then struct ethtool_value: command u32, data u32, which it points to. */
const POINTER_OFFSET = 16;
const VALUE_OFFSET = 40;
const REQUEST_LENGTH = 80;

/** Turns the offloads of a link off in the namespace of a socket. What a device cannot change but has not on is as it should be. */
export function disableOffloads(socket: number, link: string): void {
  checkLinkName(link);
  for (const { name, get, set } of OFFLOADS) {
    try {
      ethtool(socket, link, set);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      if (error.errno === Errno.EOPNOTSUPP && !isOn(socket, link, get)) continue;
      throw new KernelError({ task: `turn ${name} of link ${link} off`, errno: error.errno, cause: error });
    }
  }
}

function isOn(socket: number, link: string, command: number): boolean {
  try {
    return ethtool(socket, link, command) !== 0;
  } catch (error) {
    if (error instanceof SystemError && error.errno === Errno.EOPNOTSUPP) return false;
    throw error;
  }
}

/** Gives the command data 0, and returns the data it answers with. */
function ethtool(socket: number, link: string, command: number): number {
  const request = new Uint8Array(REQUEST_LENGTH);
  const view = viewOf(request);
  new TextEncoder().encodeInto(link, request.subarray(0, POINTER_OFFSET - 1));
  view.setBigUint64(POINTER_OFFSET, BigInt(koffi.address(request)) + BigInt(VALUE_OFFSET), LITTLE_ENDIAN);
  view.setUint32(VALUE_OFFSET, command, LITTLE_ENDIAN);
  check("ioctl SIOCETHTOOL", libc.ioctl(socket, SIOCETHTOOL, request));
  return view.getUint32(VALUE_OFFSET + 4, LITTLE_ENDIAN);
}
