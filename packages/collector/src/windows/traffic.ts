import type { IpAddress, MacAddress } from "@holdfast/core";
import type { Exporter, Vantage } from "@holdfast/flow";
import type { CountedPort } from "../counters/counted.ts";
import type { Dropped } from "../drops/dropped.ts";

/** One end of traffic: a container, a place outside that people have a name for or not, or somebody inside that nobody knows. */
export type TrafficEnd = EndpointEnd | OutsideEnd | UnknownEnd;

/** An endpoint as it was when the packet was sampled: who had the address then, and on which node. */
export interface EndpointEnd {
  readonly kind: "endpoint";
  /** Id, e.g. `"ep-7f3kq2"`. */
  readonly endpoint: string;
  readonly tenant: string;
  readonly network: string;
  readonly identity: string;
  /** Names of the tenant's groups that the identity is in, sorted, as of the last minute. Empty: none, or not known yet. */
  readonly groups: readonly string[];
  /** That served it. */
  readonly node: string;
  /** That the packet had. Absent: no IP. */
  readonly address?: IpAddress;
}

/** An address that no network of the platform has. */
export interface OutsideEnd {
  readonly kind: "outside";
  /** The longest of the named prefixes that hold the address, by its name, e.g. `"office"`. Absent: none does. */
  readonly prefix?: string;
  readonly address: IpAddress;
}

/** An address of the platform's networks that nobody had, one of several that cannot be told apart, a group address, or no IP at all. */
export interface UnknownEnd {
  readonly kind: "unknown";
  /** `free`: nobody had it; `ambiguous`: several did, of different networks; `group`: a multicast or broadcast address; `no-ip`: neither IP nor known by its MAC. */
  readonly reason: "free" | "ambiguous" | "group" | "no-ip";
  readonly address?: IpAddress;
  readonly mac?: MacAddress;
}

/**
 * Which way traffic goes as its containers see it: `internal` from one to another, `egress` from one to anywhere else, `ingress` from anywhere else
 * to one, `transit` past all of them.
 */
export type TrafficDirection = "internal" | "egress" | "ingress" | "transit";

/** What windows and samples say alike. */
export interface TrafficDimensions {
  readonly exporter: Exporter;
  /** Whose exporter it is. Absent: no node has its agent's address. */
  readonly node?: string;
  readonly vantage: Vantage;
  readonly direction: TrafficDirection;
  /**
   * Whether sums have it: true where a packet is counted, at its source's own port, and where it comes in from outside. False: it was sampled once
   * more on its way. Sums over rows that are not counted tell the same packets twice.
   */
  readonly isCounted: boolean;
  /** Whether it is known whose it is: one end is an endpoint, and the other one, too, or outside, or a group address. The share of what is not is always shown. */
  readonly isAttributed: boolean;
  readonly source: TrafficEnd;
  readonly destination: TrafficEnd;
  /** E.g. 0x0800. Absent: unknown. */
  readonly etherType?: number;
  /** As the packet or the exporter says; a hint: the network is known by the ends. */
  readonly vni?: number;
  readonly vlan?: number;
  /** Of IP, e.g. 6. Absent: no IP. */
  readonly protocol?: number;
  /** What the policies of the two ends say of it. Absent: not known. */
  readonly verdict?: TrafficVerdict;
}

export type TrafficVerdict = "allowed" | "denied";

/** Traffic of one kind in one window: estimated from samples, apart from exact counters. */
export interface WindowRow extends TrafficDimensions {
  /** Of the end that serves, of both directions the same. 0: a protocol without ports, or a fragment. Absent: no IP. */
  readonly servicePort?: number;
  /** Estimated. */
  readonly packets: number;
  /** Estimated, of the packets on the wire without checksum. */
  readonly bytes: number;
  /** That the estimates are made from: their error is 196 / √samples %, and none where {@link exactSamples} are all of them. */
  readonly samples: number;
  /** Of the samples, those that stand for one packet each. */
  readonly exactSamples: number;
}

/** Packets that a sample of the row stands for, as really seen: its mean. */
export function samplingRateOf({ packets, samples }: Pick<WindowRow, "packets" | "samples">): number {
  return packets / samples;
}

/** A sampled packet, with who it was from and for. */
export interface TrafficSample extends TrafficDimensions {
  /** When it was received, in milliseconds since 1970. */
  readonly at: number;
  readonly inputIfIndex?: number;
  readonly outputIfIndex?: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Low byte of TCP's flags. */
  readonly tcpFlags?: number;
  /** Of the one packet, on the wire without checksum. */
  readonly bytes: number;
  /** Packets that it stands for. */
  readonly rate: number;
}

/** All traffic of one window. Windows follow each other without a gap, and each comes once. */
export interface TrafficWindow {
  /** Milliseconds since 1970, a multiple of its length. */
  readonly start: number;
  /** E.g. 10. */
  readonly seconds: number;
  /** One per kind of traffic. */
  readonly rows: readonly WindowRow[];
  /** Some of its samples, as many as the settings allow. */
  readonly samples: readonly TrafficSample[];
  /** What switches have counted at ports, as they have told it in this time. Absent: nothing. */
  readonly counts?: readonly CountedPort[];
  /** What rules and guards have dropped, as it was told in this time. Absent: nothing, or nobody tells. */
  readonly drops?: readonly Dropped[];
  /** Flow samples that are in no row, because there were too many different rows, exporters or sources. */
  readonly leftOut: number;
  /** What it was read from, which gives it again until it is kept. Absent: it is given once. */
  readonly origin?: WindowOrigin;
}

/** How far a stream has been read with a window. */
export interface WindowOrigin {
  /** E.g. `"holdfast:sflow"`. */
  readonly stream: string;
  /** 1 for the first of this reader. */
  readonly number: number;
  /** All that a later reader has to know to go on behind this window. A store that keeps it with the window is given nothing twice. */
  readonly checkpoint: string;
}

/** Takes windows in the order of their time. */
export interface WindowSink {
  /**
   * Resolves when the window is as safe as the sink makes it. Who fails keeps nothing of it. It is given again when it has an origin, and counted as
   * lost when it has none.
   */
  take(window: TrafficWindow): Promise<void>;
}
