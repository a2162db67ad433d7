import koffi from "koffi";

const library = koffi.load(null);

/** The C library's calls for a socket, by their own names; -1 on failure, and the reason in errno. */
export const libc = {
  socket: library.func("int socket(int domain, int type, int protocol)"),
  bind: library.func("int bind(int fd, void *address, uint32_t length)"),
  getsockname: library.func("int getsockname(int fd, void *address, void *length)"),
  setsockopt: library.func("int setsockopt(int fd, int level, int option, void *value, uint32_t length)"),
  getsockopt: library.func("int getsockopt(int fd, int level, int option, void *value, void *length)"),
  recvmmsg: library.func("int recvmmsg(int fd, void *messages, uint32_t count, int flags, void *timeout)"),
  usleep: library.func("int usleep(uint32_t microseconds)"),
  close: library.func("int close(int fd)"),
};

/** Of numbers that have two names, the first one. */
const ERRNO_NAMES = new Map(
  Object.entries(koffi.os.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** Why the last call failed, e.g. `"EADDRINUSE"`. */
export function errnoName(): string {
  const number = koffi.errno();
  return ERRNO_NAMES.get(number) ?? `E${number}`;
}

/** Where memory lies. It stays there: what is larger than 64 bytes V8 does not move. */
export function addressOf(memory: ArrayBuffer): bigint {
  return koffi.address(new Uint8Array(memory)) as bigint;
}
