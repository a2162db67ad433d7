import koffi from "koffi";

const library = koffi.load(null);

/**
 * The C library's calls that this package needs, by their own names. Each gives -1 (or null) on failure and leaves the reason in
 * errno; {@link check} turns that into a {@link SystemError}.
 *
 * All of them run on the calling thread: what changes the thread (setns, unshare) must be undone before the next await.
 */
export const libc = {
  open: library.func("int open(const char *path, int flags, int mode)"),
  close: library.func("int close(int fd)"),
  socket: library.func("int socket(int domain, int type, int protocol)"),
  bind: library.func("int bind(int fd, void *address, uint32_t length)"),
  connect: library.func("int connect(int fd, void *address, uint32_t length)"),
  getsockname: library.func("int getsockname(int fd, void *address, void *length)"),
  setsockopt: library.func("int setsockopt(int fd, int level, int option, void *value, uint32_t length)"),
  getsockopt: library.func("int getsockopt(int fd, int level, int option, void *value, void *length)"),
  send: library.func("intptr_t send(int fd, void *bytes, size_t length, int flags)"),
  recv: library.func("intptr_t recv(int fd, void *bytes, size_t length, int flags)"),
  ioctl: library.func("int ioctl(int fd, unsigned long request, void *argument)"),
  setns: library.func("int setns(int fd, int kind)"),
  unshare: library.func("int unshare(int flags)"),
  mount: library.func(
    "int mount(const char *source, const char *target, const char *type, uint64_t flags, void *data)",
  ),
  umount2: library.func("int umount2(const char *target, int flags)"),
  flock: library.func("int flock(int fd, int operation)"),
  strerror: library.func("const char *strerror(int errno)"),
};

/** A system call that was refused: `call` is its name, `errno` the number of errno(3). */
export class SystemError extends Error {
  override readonly name = "SystemError";
  readonly call: string;
  readonly errno: number;

  constructor(call: string, errno: number) {
    super(`${call}: ${errnoText(errno)} (${errnoName(errno)})`);
    this.call = call;
    this.errno = errno;
  }
}

/** Passes the result of a system call on; throws what errno says when it is negative. Call it with nothing in between. */
export function check(call: string, result: number): number {
  if (result < 0) throw new SystemError(call, koffi.errno());
  return result;
}

/** The same, for calls of which some refusals are an answer, and come often: undefined instead of an error that costs more than the call. */
export function checkUnless(call: string, result: number, answers: readonly number[]): number | undefined {
  if (result >= 0) return result;
  const errno = koffi.errno();
  if (answers.includes(errno)) return undefined;
  throw new SystemError(call, errno);
}

/** Name of an errno, e.g. `"ENODEV"` for 19; `"E4711"` for a number the C library does not know. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`;
}

/** Number of an errno by name, e.g. 19 for `"ENODEV"`. */
export function errnoNumber(name: string): number | undefined {
  return koffi.os.errno[name];
}

/** What strerror(3) says, e.g. `"No such device"`. */
export function errnoText(errno: number): string {
  return String(libc.strerror(errno));
}

/** Where two names share a number, the one that man pages of sockets use. */
const ALIASES = new Set(["EWOULDBLOCK", "EDEADLOCK", "ENOTSUP"]);

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(koffi.os.errno)
    .filter(([name]) => !ALIASES.has(name))
    .map(([name, errno]) => [errno, name]),
);

/** Numbers of asm-generic/errno.h that the code tells apart. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EINVAL: 22,
  ENOTTY: 25,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
} as const;
