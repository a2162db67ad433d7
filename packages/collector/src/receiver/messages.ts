import type { MessagePort } from "node:worker_threads";
import type { InventoryChange } from "@holdfast/flow";
import type { UdpSocketOptions } from "./udp-socket.ts";
import type { SampledWindow, WindowingOptions } from "./windowing.ts";

export interface ReceiverOptions extends UdpSocketOptions, WindowingOptions {}

/** What the receiving thread begins with. */
export interface ThreadStart {
  readonly options: ReceiverOptions;
  /** Where {@link ToThread} comes from. */
  readonly orders: MessagePort;
}

/** What the receiving thread is told. */
export type ToThread =
  | { readonly kind: "stop" }
  | { readonly kind: "inventory"; readonly changes: readonly InventoryChange[] };

/** What it says. */
export type FromThread =
  | { readonly kind: "ready"; readonly port: number; readonly receiveBufferBytes: number }
  | { readonly kind: "failed"; readonly code: string; readonly message: string }
  | { readonly kind: "window"; readonly window: SampledWindow };
