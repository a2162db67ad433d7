import { isHoldfastError } from "@holdfast/core";
import { defaultBurst, type QosLimit } from "@holdfast/model";
import type { Kernel, Qdisc, TrafficControl } from "@holdfast/netlink";
import { endpointAlias } from "../links/link-alias.ts";

/** Handle of every qdisc of ours, as `tc qdisc` shows it: `4846:`, "HF". */
export const OUR_HANDLE = 0x4846;
/** Handle of the queue inside. */
const QUEUE_HANDLE = 0x4847;
/** Seconds of its rate for which a packet may wait. */
const LONGEST_WAIT = 0.025;
/** Bytes that may wait at any rate: two segments of 64 KiB, which the kernel cuts only afterwards. */
const LEAST_QUEUE = 131_072;
/** Bits per second at which nothing waits any more. */
const UNLIMITED = 400e9;

export interface Shaped {
  readonly ifb: string;
  readonly endpoint: string;
  readonly limit: QosLimit & { readonly rate: number };
}

/** Queues of endpoints: an ifb each, with a token bucket. Nobody in a sandbox reaches them. */
export class Shaper {
  readonly #kernel: Kernel;
  readonly #traffic: TrafficControl;
  /** Whether the kernel has it is seen when the first queue is made. */
  #hasFairQueues = true;

  constructor(kernel: Kernel, traffic: TrafficControl) {
    this.#kernel = kernel;
    this.#traffic = traffic;
  }

  /** Makes it, or changes it in its place; gives the ifb's index. What is right is not written. */
  async set({ ifb, endpoint, limit }: Shaped): Promise<number> {
    const present = await this.#kernel.getLink(ifb);
    const alias = endpointAlias(endpoint);
    if (present?.alias !== alias || !present.up) this.#traffic.createIfb({ name: ifb, alias });
    const wanted = bucketOf(ifb, limit);
    const found = this.#traffic.rootQdisc(ifb);
    if (!isSameBucket(found, wanted)) {
      this.#traffic.setQdisc(wanted);
      if (found?.kind !== "tbf") this.#setQueue(ifb);
    }
    const index = present?.index ?? (await this.#kernel.getLink(ifb))?.index;
    return index ?? 0;
  }

  /** When nothing is led into it any more: what waits in it goes on at once, and then it goes. */
  async remove(ifb: string): Promise<void> {
    const found = this.#traffic.rootQdisc(ifb);
    if (found?.kind === "tbf") this.#traffic.setQdisc({ ...found, rate: UNLIMITED, burst: defaultBurst(UNLIMITED) });
    await this.#kernel.deleteLink(ifb);
  }

  /** Flows beside each other must not wait for one that fills the queue. Kernels without that have one queue for all, kept short. */
  #setQueue(link: string): void {
    if (!this.#hasFairQueues) return;
    try {
      this.#traffic.setQdisc({
        link,
        handle: QUEUE_HANDLE,
        parent: { qdisc: OUR_HANDLE, minor: 1 },
        kind: "fq_codel",
      });
    } catch (error) {
      if (!isHoldfastError(error, "kernel_rejected") || error.details.errnoName !== "ENOENT") throw error;
      this.#hasFairQueues = false;
    }
  }
}

function bucketOf(
  link: string,
  { rate, burst = defaultBurst(rate) }: Shaped["limit"],
): Qdisc & { readonly kind: "tbf" } {
  const limit = Math.max(LEAST_QUEUE, 2 * burst, Math.ceil((rate / 8) * LONGEST_WAIT));
  // The kernel counts bytes per second.
  return { link, handle: OUR_HANDLE, kind: "tbf", rate: Math.ceil(rate / 8) * 8, burst, limit };
}

/** The kernel keeps a burst as a time. */
function isSameBucket(found: Qdisc | undefined, wanted: Qdisc & { readonly kind: "tbf" }): boolean {
  if (found?.kind !== "tbf" || found.handle !== wanted.handle) return false;
  const slack = 1 + (wanted.rate * 64) / 8e9;
  return found.rate === wanted.rate && found.limit === wanted.limit && Math.abs(found.burst - wanted.burst) <= slack;
}
