import type { MessagePort } from "node:worker_threads";
import type { DecoderTotals, TrafficSums } from "@holdfast/flow";
import type { UdpSocketOptions } from "./udp-socket.ts";

/** What the receiving thread begins with. */
export interface ThreadStart {
  readonly options: UdpSocketOptions;
  /** Where {@link ToThread} comes from. */
  readonly questions: MessagePort;
}

/** What the receiving thread is told. */
export type ToThread = { readonly kind: "drain"; readonly id: number } | { readonly kind: "stop" };

/** What it says. */
export type FromThread =
  | { readonly kind: "ready"; readonly port: number; readonly receiveBufferBytes: number }
  | { readonly kind: "failed"; readonly code: string; readonly message: string }
  | { readonly kind: "drained"; readonly id: number; readonly drained: Drained };

/** What was taken since the last time. */
export interface Drained {
  readonly traffic: TrafficSums;
  /** Since the receiver started. */
  readonly taken: { readonly datagrams: number; readonly bytes: number; readonly samples: number };
  readonly decoder: DecoderTotals;
}
