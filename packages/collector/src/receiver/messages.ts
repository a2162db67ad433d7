import type { InventoryChange } from "@holdfast/flow";
import type { ThreadFailed } from "./own-thread.ts";
import type { UdpSocketOptions } from "./udp-socket.ts";
import type { SampledWindow, WindowingOptions } from "./windowing.ts";

export interface ReceiverOptions extends UdpSocketOptions, WindowingOptions {}

/** What the receiving thread is told. */
export type ToThread =
  | { readonly kind: "stop" }
  | { readonly kind: "inventory"; readonly changes: readonly InventoryChange[] };

/** What it says. */
export type FromThread =
  | { readonly kind: "ready"; readonly port: number; readonly receiveBufferBytes: number }
  | ThreadFailed
  | { readonly kind: "window"; readonly window: SampledWindow };
