import { isHoldfastError } from "@holdfast/core";
import type { ClassId, TrafficControl } from "@holdfast/netlink";

/** Handle of every qdisc of ours at a root, as `tc qdisc` shows it: `4846:`, "HF". */
export const OUR_HANDLE = 0x4846;
/** Seconds of its rate for which a packet may wait. */
const LONGEST_WAIT = 0.025;
/** Bytes that may wait at any rate: two segments of 64 KiB, which the kernel cuts only afterwards. */
const LEAST_ROOM = 131_072;

/** Bytes that may wait where so many bits per second go. */
export function roomAt(rate: number): number {
  return Math.max(LEAST_ROOM, Math.ceil((rate / 8) * LONGEST_WAIT));
}

/** Bits per second as the kernel can keep them: it counts bytes. */
export function wholeBytes(rate: number): number {
  return Math.ceil(rate / 8) * 8;
}

/** Where a queue is. */
export interface QueuePlace {
  readonly link: string;
  readonly handle: number;
  readonly parent: ClassId;
}

/** Queues in which flows beside each other do not wait for one that fills its own. */
export class FairQueues {
  readonly #traffic: TrafficControl;
  /** Whether the kernel has them is seen when the first is made. */
  #areKnown = true;

  constructor(traffic: TrafficControl) {
    this.#traffic = traffic;
  }

  /** Gives whether there is such a queue now. What waits takes no more memory than this; absent: what the kernel thinks right. */
  set(place: QueuePlace, memory?: number): boolean {
    if (!this.#areKnown) return false;
    try {
      this.#traffic.setQdisc({ ...place, kind: "fq_codel", ...(memory === undefined ? {} : { memory }) });
      return true;
    } catch (error) {
      if (!isHoldfastError(error, "kernel_rejected")) throw error;
      const { errnoName } = error.details;
      // EINVAL: one of another kind is there, as an earlier run has made it.
      if (errnoName !== "ENOENT" && errnoName !== "EINVAL") throw error;
      this.#areKnown = errnoName === "EINVAL";
      return false;
    }
  }
}
