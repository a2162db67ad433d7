import { HoldfastError } from "@holdfast/core";

import { Errno, errnoName, errnoText, SystemError } from "./libc.ts";

/** What the kernel refused: `task` says what was tried on which object, e.g. `"create veth h-7"`. */
export interface Refusal {
  readonly task: string;
  /** Positive number of errno(3), e.g. 19. */
  readonly errno: number;
  /** What the kernel itself says about it (netlink extended ack), e.g. `"Nexthop has invalid gateway"`. */
  readonly explanation?: string;
  readonly cause?: unknown;
}

/**
 * The kernel said no, e.g. `cannot create veth h-7: Operation not permitted (EPERM); run it as root (CAP_NET_ADMIN)`.
 *
 * Code `kernel_rejected`. `retryable` for what passes by itself (EBUSY, EINTR, EAGAIN, ENOBUFS).
 */
export class KernelError extends HoldfastError {
  override readonly name = "KernelError";
  readonly errno: number;
  /** e.g. `"ENODEV"`. */
  readonly errnoName: string;
  readonly explanation?: string;

  constructor(refusal: Refusal) {
    const name = errnoName(refusal.errno);
    const explanation = refusal.explanation ? `: ${refusal.explanation}` : "";
    const remedy = REMEDIES[refusal.errno];
    super(
      "kernel_rejected",
      `cannot ${refusal.task}: ${errnoText(refusal.errno)} (${name})${explanation}${remedy ? `; ${remedy}` : ""}`,
      {
        details: { errno: refusal.errno, errnoName: name },
        retryable: PASSING.has(refusal.errno),
        ...(refusal.cause === undefined ? {} : { cause: refusal.cause }),
      },
    );
    this.errno = refusal.errno;
    this.errnoName = name;
    if (refusal.explanation) this.explanation = refusal.explanation;
  }
}

/** Runs system calls and names the task in what they throw. */
export function attempt<T>(task: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof SystemError) throw new KernelError({ task, errno: error.errno, cause: error });
    throw error;
  }
}

const PASSING: ReadonlySet<number> = new Set([Errno.EBUSY, Errno.EINTR, Errno.EAGAIN, Errno.ENOBUFS]);

const REMEDIES: Readonly<Record<number, string>> = {
  [Errno.EPERM]: "run it as root (CAP_NET_ADMIN, CAP_SYS_ADMIN)",
  [Errno.ENETDOWN]: "bring the link up first",
  [Errno.ENETUNREACH]: "the next hop must lie in a prefix of a link that is up",
  [Errno.ENODEV]: "there is no such link in this namespace",
};
