/**
 * Queueing disciplines of one network namespace (tc(8)), and the links that packets of others can be led through to be queued (ifb).
 *
 * Setting what is set and removing what is absent are successes. A change of what is there loses no packet that waits in it, unless it has to wait in
 * less room than before. What the kernel refuses is a `KernelError`; `ENOENT` when it has no such kind.
 */
export interface TrafficControl {
  /** A link that sends on what is led to it where it came from, by its own queueing discipline. Up at once. */
  createIfb(options: IfbOptions): void;
  /** Of the link itself, when it is of a kind that this package knows; undefined also when there is no such link. */
  rootQdisc(link: string): Qdisc | undefined;
  /**
   * Makes it, or changes the one with the same handle in its place; the default of an HTB cannot change. At the root another one is replaced, whoever's it
   * is.
   */
  setQdisc(qdisc: Qdisc): void;
  deleteRootQdisc(link: string): void;
  /** Of an HTB. Of a link that is absent: none. */
  listClasses(link: string): readonly TrafficClass[];
  setClass(trafficClass: TrafficClass): void;
  deleteClass(link: string, id: ClassId): void;
  /**
   * All that comes in at the link comes in at another one instead, before anybody sees it: there as if it had just been received (tc-mirred(8)). Of the link's own filters of what comes
   * in the first is taken for this.
   */
  redirectIngress(redirect: IngressRedirect): void;
  /** Where what comes in at the link comes in instead; undefined: here. */
  ingressTarget(link: string): string | undefined;
  close(): void;
}

export interface IfbOptions {
  readonly name: string;
  /** Free text that survives us: how a restarted agent knows its own links. */
  readonly alias: string;
}

export interface IngressRedirect {
  readonly from: string;
  readonly to: string;
}

/** Number of a queueing discipline on its link, 1 to 65535. */
export type QdiscHandle = number;

/** A class of a queueing discipline. */
export interface ClassId {
  readonly qdisc: QdiscHandle;
  /** 1 to 65535. */
  readonly minor: number;
}

interface OfLink {
  readonly link: string;
  readonly handle: QdiscHandle;
  /** The class whose packets wait in it. Absent: the root, all packets. */
  readonly parent?: ClassId;
}

export type Qdisc = OfLink &
  (
    | ({
        /** A token bucket: what goes above the burst has the rate, more waits. */
        readonly kind: "tbf";
        /** Bytes that may wait. */
        readonly limit: number;
      } & Bucket)
    | {
        /** A tree of classes (tc-htb(8)); a packet is in the one that its priority names, see SO_PRIORITY and `meta priority`. */
        readonly kind: "htb";
        /** Minor of the class for all others; 0: they are not queued by classes. */
        readonly defaultMinor: number;
      }
    | {
        /** One queue, first in, first out. */
        readonly kind: "bfifo";
        /** Bytes that may wait. */
        readonly limit: number;
      }
    /** A queue per flow, none of which keeps packets for long (tc-fq_codel(8)). */
    | {
        readonly kind: "fq_codel";
        /** Bytes that packets may take while they wait, what the kernel needs beside them included. Absent: 32 MiB. */
        readonly memory?: number;
      }
  );

interface Bucket {
  /** Bits per second, of whole Ethernet frames; a multiple of 8. */
  readonly rate: number;
  /** Bytes. When read, up to 64 ns of the rate less than was set. */
  readonly burst: number;
}

/** A class of an HTB: has the rate for itself, and what others leave up to the ceiling. */
export interface TrafficClass {
  readonly link: string;
  readonly id: ClassId;
  /** Absent: directly below the qdisc. */
  readonly parent?: ClassId;
  /** Bits per second. */
  readonly rate: number;
  /** Bits per second, at least the rate. */
  readonly ceiling: number;
  /** Bytes at once above the rate. When read, up to 64 ns of the rate less than was set. */
  readonly burst: number;
  /** Bytes at once above the ceiling. When read, up to 64 ns of the ceiling less than was set. */
  readonly ceilingBurst: number;
}
