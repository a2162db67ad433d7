import { LITTLE_ENDIAN, viewOf } from "./codec/attributes.ts";
import { checkUnless, Errno, libc } from "./libc.ts";

/** linux/sockios.h: by name the index, by index the name; answered without the lock that changes hold. */
const SIOCGIFINDEX = 0x8933;
const SIOCGIFNAME = 0x8910;
/** struct ifreq: name of 16 bytes, then a union, here the index as i32. */
const IFREQ_LENGTH = 40;
const NAME_LENGTH = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Index of a link in the namespace of a socket; undefined when there is none of that name. */
export function linkIndex(socket: number, name: string): number | undefined {
  const request = new Uint8Array(IFREQ_LENGTH);
  encoder.encodeInto(name, request.subarray(0, NAME_LENGTH - 1));
  if (!ask(socket, SIOCGIFINDEX, request)) return undefined;
  return viewOf(request).getInt32(NAME_LENGTH, LITTLE_ENDIAN);
}

/** Name of a link in the namespace of a socket; undefined when there is none of that index. */
export function linkName(socket: number, index: number): string | undefined {
  const request = new Uint8Array(IFREQ_LENGTH);
  viewOf(request).setInt32(NAME_LENGTH, index, LITTLE_ENDIAN);
  if (!ask(socket, SIOCGIFNAME, request)) return undefined;
  return decoder.decode(request.subarray(0, request.indexOf(0)));
}

function ask(socket: number, request: number, argument: Uint8Array): boolean {
  return checkUnless("ioctl", libc.ioctl(socket, request, argument), [Errno.ENODEV]) !== undefined;
}
