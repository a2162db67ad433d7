import type { ConnectionTuple, WholeZone } from "./connections.ts";
import type { Flow, FlowKey, Match } from "./flow.ts";
import type { Meter } from "./meter.ts";

/** One OpenFlow connection to one bridge: OpenFlow 1.4 with Nicira extensions, over the bridge's management socket. */
export interface OpenFlowSwitch {
  /**
   * Adds, replaces and removes flows in one atomic, ordered bundle (OpenFlow 1.4 section 6.9): packets see all of it or none.
   * Resolves when the switch has committed and answered a barrier. Adding a flow replaces the one with the same key, whose
   * counters go on. What is removed is removed before anything is added.
   *
   * @throws HoldfastError `switch_rejected` with the OpenFlow error's name and the flow's text; `unavailable` when the connection broke.
   */
  apply(change: FlowChange, signal: AbortSignal): Promise<void>;

  /** Flows with `cookie & mask == value & mask`; absent: all. Sorted by table, priority (highest first), match text. */
  dump(filter?: { readonly cookie: bigint; readonly mask: bigint }): Promise<readonly ObservedFlow[]>;

  /** The bridge's meters, in the order of their numbers. */
  meters(): Promise<readonly Meter[]>;

  /**
   * Makes a meter, or changes it while packets pass; what it has left to give begins anew, full.
   *
   * @throws HoldfastError `switch_rejected` with the OpenFlow error's name; `unavailable` when the connection broke.
   */
  setMeter(meter: Meter): Promise<void>;

  /** Flows that still name it go with it: they are to be changed before. Removing what is not there is a success. */
  removeMeter(id: number): Promise<void>;

  /** The bridge's OpenFlow ports. */
  ports(): Promise<readonly SwitchPort[]>;

  /** Sends a frame as if the controller had made it (OFPT_PACKET_OUT), through the given actions. */
  packetOut(packet: {
    readonly frame: Uint8Array;
    readonly actions: Flow["actions"];
    readonly inPort?: number;
  }): Promise<void>;

  /**
   * Makes connection tracking forget these connections, or all of a zone (NXT_CT_FLUSH of Open vSwitch 3.1): their next packets are of new ones. What is
   * not there is forgotten already.
   */
  forgetConnections(connections: readonly (ConnectionTuple | WholeZone)[]): Promise<void>;

  /**
   * Calls back for each frame that a flow sends to {@link CONTROLLER_PORT} or tells of, from now on and over all connections to come; every listener gets
   * all. What comes while there is no connection is lost.
   */
  listen(listener: (packet: PacketIn) => void): void;

  readonly connected: boolean;
  close(): Promise<void>;
}

/** A frame that a flow has sent to the controller (OFPT_PACKET_IN), as the actions before have left it. */
export interface PacketIn {
  /** Of the flow. */
  readonly cookie: bigint;
  readonly frame: Uint8Array;
  /** What is known of it beside: where it came in, registers that are not 0. */
  readonly match: Match;
}

export interface FlowChange {
  readonly add: readonly Flow[];
  /** Strict: exactly these keys. */
  readonly remove: readonly FlowKey[];
}

export interface ObservedFlow {
  readonly flow: Flow;
  readonly packets: bigint;
  readonly bytes: bigint;
}

export interface SwitchPort {
  readonly number: number;
  readonly name: string;
}
