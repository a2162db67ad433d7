import { defaultBurst, type QosLimit } from "@holdfast/model";
import type { Kernel, Qdisc, TrafficControl } from "@holdfast/netlink";
import { endpointAlias } from "../links/link-alias.ts";
import { type Direction, queueName } from "./qos-row.ts";
import { QueueLoops, type QueueLoopTools } from "./queue-loop.ts";
import { FairQueues, OUR_HANDLE, type QueuePlace, roomAt, wholeBytes } from "./queues.ts";

/** Handle of the queue inside. */
const QUEUE_HANDLE = 0x4847;
/** Bits per second at which nothing waits any more. */
const UNLIMITED = 400e9;

export interface Shaped {
  readonly link: string;
  readonly direction: Direction;
  readonly endpoint: string;
  readonly limit: QosLimit & { readonly rate: number };
}

/** Queues of endpoints: a link each and direction, with a token bucket. Nobody in a sandbox reaches them. */
export class Shaper {
  readonly #kernel: Kernel;
  readonly #traffic: TrafficControl;
  readonly #fairQueues: FairQueues;
  readonly #loops: QueueLoops;

  constructor(tools: QueueLoopTools) {
    this.#kernel = tools.kernel;
    this.#traffic = tools.traffic;
    this.#fairQueues = new FairQueues(tools.traffic);
    this.#loops = new QueueLoops(tools);
  }

  /** Makes it, or changes it in its place; gives the index of its link. What is right is not written. */
  async set({ link, direction, endpoint, limit }: Shaped): Promise<number> {
    const name = queueName(link, direction);
    const index = direction === "ingress" ? await this.#setIfb(name, endpoint) : await this.#loops.set(link, endpoint);
    const wanted = bucketOf(name, limit);
    const found = this.#traffic.rootQdisc(name);
    if (!isSameBucket(found, wanted)) {
      this.#traffic.setQdisc(wanted);
      // Where the kernel has none, all flows wait in the bucket's own queue, which is short.
      if (found?.kind !== "tbf") this.#fairQueues.set(inside(name));
    }
    return index;
  }

  /** When nothing is led into it any more: what waits in it goes on at once, and then it goes. */
  async remove(name: string): Promise<void> {
    const found = this.#traffic.rootQdisc(name);
    if (found?.kind === "tbf") this.#traffic.setQdisc({ ...found, rate: UNLIMITED, burst: defaultBurst(UNLIMITED) });
    await this.#kernel.deleteLink(name);
  }

  async #setIfb(name: string, endpoint: string): Promise<number> {
    const present = await this.#kernel.getLink(name);
    const alias = endpointAlias(endpoint);
    if (present?.alias !== alias || !present.up) this.#traffic.createIfb({ name, alias });
    return present?.index ?? (await this.#kernel.getLink(name))?.index ?? 0;
  }
}

function inside(link: string): QueuePlace {
  return { link, handle: QUEUE_HANDLE, parent: { qdisc: OUR_HANDLE, minor: 1 } };
}

function bucketOf(
  link: string,
  { rate, burst = defaultBurst(rate) }: Shaped["limit"],
): Qdisc & { readonly kind: "tbf" } {
  const limit = Math.max(roomAt(rate), 2 * burst);
  return { link, handle: OUR_HANDLE, kind: "tbf", rate: wholeBytes(rate), burst, limit };
}

/** The kernel keeps a burst as a time. */
function isSameBucket(found: Qdisc | undefined, wanted: Qdisc & { readonly kind: "tbf" }): boolean {
  if (found?.kind !== "tbf" || found.handle !== wanted.handle) return false;
  const slack = 1 + (wanted.rate * 64) / 8e9;
  return found.rate === wanted.rate && found.limit === wanted.limit && Math.abs(found.burst - wanted.burst) <= slack;
}
