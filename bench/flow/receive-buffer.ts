import { readdir, readFile, readlink } from "node:fs/promises";
import koffi from "koffi";

const libc = koffi.load(null);
const syscall = libc.func("long syscall(long number, long first, long second, long third)");
const setsockopt = libc.func("int setsockopt(int fd, int level, int option, void *value, uint32_t length)");
const close = libc.func("int close(int fd)");

/** Numbers of calls that glibc of Debian 12 has no names for; the same on all processors. */
const SYS_PIDFD_OPEN = 434;
const SYS_PIDFD_GETFD = 438;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
/** Columns of /proc/net/udp (proc_net(5)). */
const [LOCAL, INODE] = [1, 9];

/**
 * Gives a process' UDP sockets on a port so much room for datagrams, beyond what `net.core.rmem_max` lets it ask for itself: programs are compared with the
 * same room, and the machine's settings stay as they are.
 *
 * @throws TypeError when it is not allowed, which takes CAP_NET_ADMIN and CAP_SYS_PTRACE
 */
export async function setReceiveBuffer(pid: number, port: number, bytes: number): Promise<void> {
  const process = called(syscall(SYS_PIDFD_OPEN, pid, 0, 0) as number, "pidfd_open");
  try {
    for (const fd of await socketsOf(pid, port)) {
      const socket = called(syscall(SYS_PIDFD_GETFD, process, fd, 0) as number, "pidfd_getfd");
      const set = setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, Int32Array.of(bytes), 4) as number;
      close(socket);
      called(set, "setsockopt");
    }
  } finally {
    close(process);
  }
}

/** Numbers that the process has them by. */
async function socketsOf(pid: number, port: number): Promise<readonly number[]> {
  const inodes = await inodesOf(port);
  const fds = await readdir(`/proc/${pid}/fd`);
  const links = await Promise.all(fds.map(async (fd) => [fd, await readlink(`/proc/${pid}/fd/${fd}`)] as const));
  const own = links.filter(([, link]) => inodes.some((inode) => link === `socket:[${inode}]`));
  if (own.length === 0) throw new TypeError(`process ${pid} has no socket on UDP port ${port}`);
  return own.map(([fd]) => Number(fd));
}

async function inodesOf(port: number): Promise<readonly string[]> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = (await readFile("/proc/net/udp", "utf8")).split("\n").map((line) => line.trim().split(/\s+/));
  return rows.filter((row) => row[LOCAL]?.endsWith(wanted) === true).map((row) => row[INODE] ?? "");
}

function called(result: number, call: string): number {
  if (result < 0) throw new TypeError(`cannot enlarge a receive buffer: ${call}: error ${koffi.errno()}`);
  return result;
}
