import { statSync, unlinkSync } from "node:fs";
import { mkdir, realpath, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import { assert, HoldfastError } from "@holdfast/core";

import { attempt } from "./kernel-error.ts";
import { check, Errno, libc, SystemError } from "./libc.ts";

const OPEN_FLAGS = 0o2000000 | 0o4000 | 0o400; // O_CLOEXEC | O_NONBLOCK | O_NOCTTY (a path may be anything)
const CLONE_NEWNET = 0x40000000;
const NS_GET_NSTYPE = 0xb703; // ioctl_ns(2)
const SIOCGSKNS = 0x894c; // linux/sockios.h: the namespace of a socket
const MS_BIND = 4096;
const MS_REC = 16384;
const MS_SHARED = 1 << 20;
const MNT_DETACH = 2;
const LOCK_EX = 2;
const OWN = "/proc/thread-self/ns/net";

/** The folder of ip-netns(8). */
export const NAMESPACE_FOLDER = "/run/netns";

/**
 * Makes a network namespace that lives as long as the file at `path`, like `ip netns add`; nothing but a `lo` that is down is in it.
 * Is there one already, that is success.
 *
 * @throws HoldfastError `invalid_argument` when the path holds something else; KernelError when the kernel refuses.
 */
export async function createNamespace(path: string): Promise<void> {
  await startThreadPool();
  await mkdir(dirname(path), { recursive: true });
  const folder = await realpath(dirname(path));
  await writeFile(path, "", { flag: "wx", mode: 0o444 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  attempt(`create network namespace ${path}`, () => {
    if (namespaceKind(path) === CLONE_NEWNET) return;
    assertEmptyFile(path);
    try {
      if (folder === NAMESPACE_FOLDER) shareNamespaceFolder();
      onOwnThread(() => {
        check("unshare", libc.unshare(CLONE_NEWNET));
        check("mount", libc.mount(OWN, path, "none", MS_BIND, null));
      });
    } catch (error) {
      unlinkSync(path);
      throw error;
    }
  });
}

/**
 * Takes the namespace's file away; the kernel removes the namespace with all its links once no process and no socket is in it.
 * A path that is absent is success.
 *
 * @throws HoldfastError `invalid_argument` when the path holds something else.
 */
export async function deleteNamespace(path: string): Promise<void> {
  await startThreadPool();
  attempt(`delete network namespace ${path}`, () => {
    const kind = namespaceKind(path);
    if (kind === "absent") return;
    if (kind === CLONE_NEWNET) {
      check("umount2", libc.umount2(path, MNT_DETACH)); // EINVAL for what is no mount, such as /proc/PID/ns/net
    } else {
      assertEmptyFile(path);
    }
    try {
      unlinkSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  });
}

/**
 * Runs a function with this thread inside a namespace, e.g. to start a child or open a socket there, and comes back. The function
 * must not be async: everything else that this thread does would happen in there, too.
 *
 * @throws HoldfastError `not_found`, `invalid_argument` as {@link openNamespace}.
 */
export function withNamespace<T>(path: string, action: () => T): T {
  const fd = openNamespace(path);
  try {
    return withNamespaceFd(fd, action);
  } finally {
    libc.close(fd);
  }
}

/** {@link withNamespace} by descriptor, which stays open. */
export function withNamespaceFd<T>(fd: number, action: () => T): T {
  return onOwnThread(() => {
    attempt("enter a network namespace", () => check("setns", libc.setns(fd, CLONE_NEWNET)));
    const result = action();
    assert(
      typeof (result as { then?: unknown } | null | undefined)?.then !== "function",
      "what runs inside a namespace must be synchronous",
    );
    return result;
  });
}

/**
 * A descriptor of the namespace at `path`, to be closed by the caller.
 *
 * @throws HoldfastError `not_found` when there is no such file, `invalid_argument` when it is no network namespace.
 */
export function openNamespace(path: string): number {
  const kind = attempt(`open network namespace ${path}`, () => openKind(path));
  if (kind === "absent") {
    throw new HoldfastError("not_found", `there is no network namespace ${path}: no such file`, { details: { path } });
  }
  if (kind.type !== CLONE_NEWNET) {
    libc.close(kind.fd);
    throw new HoldfastError("invalid_argument", `${path} is not a network namespace, or no longer one`, {
      details: { path },
    });
  }
  return kind.fd;
}

/** A descriptor of the namespace a socket was made in, to be closed by the caller. */
export function namespaceOfSocket(socket: number): number {
  return attempt("find the namespace of a socket", () => check("ioctl SIOCGSKNS", libc.ioctl(socket, SIOCGSKNS, null)));
}

/** Runs what may change this thread's namespace, and puts the thread back, all before anything else can run on it. */
function onOwnThread<T>(action: () => T): T {
  const own = check("open", libc.open(OWN, OPEN_FLAGS, 0));
  try {
    return action();
  } finally {
    const back = libc.setns(own, CLONE_NEWNET);
    libc.close(own);
    assert(back === 0, "a thread must come back to its own network namespace");
  }
}

/**
 * Makes libuv start its threads now. They inherit the namespace of the thread that starts them and keep it, so that must not
 * happen during a visit to another one.
 */
export async function startThreadPool(): Promise<void> {
  await stat(OWN);
}

type NamespaceKind = "absent" | { readonly fd: number; readonly type: number | "none" };

function openKind(path: string): NamespaceKind {
  const fd = libc.open(path, OPEN_FLAGS, 0);
  try {
    check("open", fd);
  } catch (error) {
    if (error instanceof SystemError && (error.errno === Errno.ENOENT || error.errno === Errno.ENOTDIR))
      return "absent";
    throw error;
  }
  const type = libc.ioctl(fd, NS_GET_NSTYPE, null);
  return { fd, type: type > 0 ? type : "none" };
}

function namespaceKind(path: string): number | "none" | "absent" {
  const kind = openKind(path);
  if (kind === "absent") return kind;
  libc.close(kind.fd);
  return kind.type;
}

/** What is left of a namespace that was unmounted is an empty file; anything else is not ours to touch. */
function assertEmptyFile(path: string): void {
  const found = statSync(path);
  if (found.isFile() && found.size === 0) return;
  throw new HoldfastError("invalid_argument", `${path} is there and is not a network namespace; choose another path`, {
    details: { path },
  });
}

/**
 * As `ip netns add` does on first use: makes the folder a shared mount of itself, so that a namespace deleted here goes in other
 * mount namespaces, too. Done later by somebody else it would hide our mounts beneath and keep their files busy.
 */
function shareNamespaceFolder(): void {
  const lock = check("open", libc.open(NAMESPACE_FOLDER, OPEN_FLAGS, 0));
  try {
    check("flock", libc.flock(lock, LOCK_EX));
    if (libc.mount("", NAMESPACE_FOLDER, "none", MS_SHARED | MS_REC, null) === 0) return;
    check("mount", libc.mount(NAMESPACE_FOLDER, NAMESPACE_FOLDER, "none", MS_BIND | MS_REC, null));
    check("mount", libc.mount("", NAMESPACE_FOLDER, "none", MS_SHARED | MS_REC, null));
  } finally {
    libc.close(lock);
  }
}
