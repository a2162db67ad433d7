import type { ClassId, Kernel, TrafficClass, TrafficControl } from "@holdfast/netlink";
import { FairQueues, OUR_HANDLE, type QueuePlace, roomAt, wholeBytes } from "./queues.ts";
import { guaranteedRoom } from "./uplink-bypass.ts";

/** The class of all that nothing is guaranteed to. */
export const DEFAULT_MINOR = 0x4800;
const ROOT_MINOR = 1;
/** Minors of endpoints begin behind the root's. */
const FIRST_MINOR = 2;
/** Fewer than there are: minors are handles of queues as well, of which some mean something else. */
const MINORS = 0x4000;
/** What those without a guarantee have in any case, as a part of the uplink. */
const LEAST_SHARE = 0.02;
/** Seconds of the rate that may go at once: what has gone already is what the next packet of another class waits for. */
const BURST = 0.0002;
/** Bytes: two frames, so that nothing of the rate is lost to a timer that is one of them late. */
const LEAST_BURST = 3072;
/** Bytes that an endpoint with a guarantee has at once in any case: a short answer. */
const ANSWER = 10_240;
/** Bits per second. Up to it, a segment of 64 KiB that the card would cut holds up others for longer than 0.1 ms, and is cut before it waits. */
const CUT_BELOW = 5e9;
/** Bytes: a token bucket cuts what is longer than its burst. */
const CUT = 9234;
/** Bits per second at which a token bucket lets nothing wait. */
const ENDLESS = 8e12;
/** Handles of queues in such a bucket begin behind those of the buckets. */
const INNER = 0x5000;
const ALIAS = "holdfast uplink";

export function uplinkIfb(linkPrefix: string): string {
  return `${linkPrefix}up`;
}

/** Bits per second of such an uplink that those without a guarantee have in any case. */
export function leastRate(rate: number): number {
  return rate * LEAST_SHARE;
}

interface ClassShape extends Pick<TrafficClass, "rate" | "ceiling" | "burst"> {
  /** Bytes that may wait. */
  readonly room: number;
}

/** The classes of an uplink: a tree of HTB on an ifb. The uplink's own queue is never exchanged. */
export class UplinkTree {
  readonly ifb: string;
  readonly #kernel: Kernel;
  readonly #traffic: TrafficControl;
  readonly #fairQueues: FairQueues;
  #rate: number | undefined;
  #aside: number | undefined;

  constructor({ kernel, traffic }: { readonly kernel: Kernel; readonly traffic: TrafficControl }, linkPrefix: string) {
    this.ifb = uplinkIfb(linkPrefix);
    this.#kernel = kernel;
    this.#traffic = traffic;
    this.#fairQueues = new FairQueues(traffic);
  }

  /** The class of an endpoint's link, by the link's number. */
  minorOf(link: string): number {
    return FIRST_MINOR + (Number(/\d+$/.exec(link)?.[0] ?? 0) % MINORS);
  }

  /** As nft(8) and tc(8) write it, e.g. `"4846:9"`. */
  classText(link: string): string {
    return `${OUR_HANDLE.toString(16)}:${this.minorOf(link).toString(16)}`;
  }

  async isThere(): Promise<boolean> {
    return (await this.#kernel.getLink(this.ifb))?.alias === ALIAS;
  }

  /** Everything but the endpoints' classes. What is there stays as it is. Whether the queue was not there. */
  async raise({ rate, aside }: { readonly rate: number; readonly aside: number }): Promise<boolean> {
    const isThere = await this.isThere();
    if (this.#rate !== rate || !isThere) {
      this.#aside = undefined;
      this.#traffic.createIfb({ name: this.ifb, alias: ALIAS });
      this.#traffic.setQdisc({ link: this.ifb, handle: OUR_HANDLE, kind: "htb", defaultMinor: DEFAULT_MINOR });
      this.#rate = rate;
    }
    this.#leave(rate, aside);
    return !isThere;
  }

  /** Bits per second that are not given out. */
  async setAside(aside: number): Promise<void> {
    if (this.#rate !== undefined && (await this.isThere())) this.#leave(this.#rate, aside);
  }

  setClass(link: string, { rate, ceiling }: { readonly rate: number; readonly ceiling: number }): void {
    const burst = Math.max(ANSWER, burstOf(rate));
    this.#set(this.minorOf(link), { rate, ceiling, burst, room: guaranteedRoom(rate, ceiling) });
  }

  removeClass(link: string): void {
    this.#traffic.deleteClass(this.ifb, idOf(this.minorOf(link)));
  }

  /** Classes of endpoints whose guarantees are not known any more. */
  pruneClasses(minors: ReadonlySet<number>): void {
    for (const { id } of this.#traffic.listClasses(this.ifb)) {
      const isOurs = id.minor !== ROOT_MINOR && id.minor !== DEFAULT_MINOR;
      if (isOurs && !minors.has(id.minor)) this.#traffic.deleteClass(this.ifb, id);
    }
  }

  async remove(): Promise<void> {
    [this.#rate, this.#aside] = [undefined, undefined];
    if (await this.isThere()) await this.#kernel.deleteLink(this.ifb);
  }

  #leave(rate: number, aside: number): void {
    if (this.#aside === aside) return;
    const whole = wholeBytes(rate - aside);
    const bursts = { burst: burstOf(rate), ceilingBurst: burstOf(rate) };
    this.#traffic.setClass({ link: this.ifb, id: idOf(ROOT_MINOR), rate: whole, ceiling: whole, ...bursts });
    const share = leastRate(rate);
    this.#set(DEFAULT_MINOR, { rate: share, ceiling: rate, burst: burstOf(share), room: roomAt(rate) });
    this.#aside = aside;
  }

  /** The room is of a queue that another version may have made. */
  #set(minor: number, { rate, ceiling, burst, room }: ClassShape): void {
    const { ifb: link } = this;
    const shape = { rate: wholeBytes(rate), ceiling: wholeBytes(ceiling), burst, ceilingBurst: burstOf(ceiling) };
    this.#traffic.setClass({ link, id: idOf(minor), parent: idOf(ROOT_MINOR), ...shape });
    this.#setQueue(minor, ceiling, room);
  }

  /** What waits in a class: cut where segments would hold up others, then in a queue per flow, or in one where the kernel has none. */
  #setQueue(minor: number, ceiling: number, limit: number): void {
    const { ifb: link } = this;
    if (ceiling >= CUT_BELOW) {
      this.#setInner({ link, handle: minor, parent: idOf(minor) }, limit);
      return;
    }
    this.#traffic.setQdisc({ link, handle: minor, parent: idOf(minor), kind: "tbf", rate: ENDLESS, burst: CUT, limit });
    this.#setInner({ link, handle: INNER + minor, parent: { qdisc: minor, minor: 1 } }, limit);
  }

  #setInner(place: QueuePlace, limit: number): void {
    if (!this.#fairQueues.set(place, limit)) this.#traffic.setQdisc({ ...place, kind: "bfifo", limit });
  }
}

function idOf(minor: number): ClassId {
  return { qdisc: OUR_HANDLE, minor };
}

function burstOf(rate: number): number {
  return Math.max(LEAST_BURST, Math.ceil((rate / 8) * BURST));
}
