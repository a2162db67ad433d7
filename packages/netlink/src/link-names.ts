import { LITTLE_ENDIAN, viewOf } from "./codec/attributes.ts";
import { check, checkUnless, Errno, libc } from "./libc.ts";

/** socket(7), asm-generic/socket.h: by its name the link that a socket is bound to, and the index of that link. */
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const SO_BINDTOIFINDEX = 62;
/** linux/sockios.h: by index the name; answered without the lock that changes hold. */
const SIOCGIFNAME = 0x8910;
/** struct ifreq: name of 16 bytes, then a union, here the index as i32. */
const IFREQ_LENGTH = 40;
const NAME_LENGTH = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Index of a link in the namespace of a netlink socket; undefined when there is none of that name. The socket is bound to the link for it, which means
 * nothing to netlink and is the one way to ask without the lock that changes hold and without a side effect: of a name that is absent `SIOCGIFINDEX`
 * makes the kernel start modprobe(8), twice (`dev_load` of net/core/dev_ioctl.c), milliseconds each.
 */
export function linkIndex(socket: number, name: string): number | undefined {
  const bytes = encoder.encode(name);
  const bound = libc.setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, bytes, bytes.length);
  if (checkUnless("setsockopt SO_BINDTODEVICE", bound, [Errno.ENODEV]) === undefined) return undefined;
  const index = new Int32Array(1);
  const length = new Uint32Array([index.byteLength]);
  check("getsockopt SO_BINDTOIFINDEX", libc.getsockopt(socket, SOL_SOCKET, SO_BINDTOIFINDEX, index, length));
  // Zero: a name without letters has bound it to nothing.
  return index[0] || undefined;
}

/** Name of a link in the namespace of a socket; undefined when there is none of that index. */
export function linkName(socket: number, index: number): string | undefined {
  const request = new Uint8Array(IFREQ_LENGTH);
  viewOf(request).setInt32(NAME_LENGTH, index, LITTLE_ENDIAN);
  const asked = checkUnless("ioctl SIOCGIFNAME", libc.ioctl(socket, SIOCGIFNAME, request), [Errno.ENODEV]);
  if (asked === undefined) return undefined;
  return decoder.decode(request.subarray(0, request.indexOf(0)));
}
