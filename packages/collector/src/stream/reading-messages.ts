import type { InventoryChange } from "@holdfast/flow";
import type { ThreadFailed } from "../receiver/own-thread.ts";
import type { RedisOptions, RedisState } from "./redis.ts";
import type { StreamCounts, StreamWindow, StreamWindowsOptions } from "./stream-windows.ts";

export interface ReadingOptions extends StreamWindowsOptions {
  readonly redis: RedisOptions;
  /** Key of the stream. */
  readonly key: string;
  /** Of this reader alone. */
  readonly consumer: string;
  /** Milliseconds for which datagrams stay in the stream before they are read. */
  readonly settleMs: number;
}

/** How the reading thread does. */
export interface ReadingState {
  readonly redis: RedisState;
  /** `standby`: another reader has the stream; `starting`: it has not looked yet. */
  readonly state: "starting" | "standby" | "reading";
  /** Who has the stream, on standby. */
  readonly holder?: string;
  readonly counts: StreamCounts;
  /** Windows that the store has not taken yet. */
  readonly unkept: number;
  /** Milliseconds between now and when the newest datagram came that was read, as long as there is more to read; else 0. */
  readonly behind: number;
}

export type ToReading =
  /** Read from here; undefined: the store does not know. */
  | { readonly kind: "begin"; readonly checkpoint: string | undefined }
  | { readonly kind: "inventory"; readonly changes: readonly InventoryChange[] }
  /** The store has this window. */
  | { readonly kind: "kept"; readonly number: number; readonly checkpoint: string }
  /** Read no more; what the store still takes is acknowledged. */
  | { readonly kind: "pause" }
  | { readonly kind: "stop" };

export type FromReading =
  | { readonly kind: "ready" }
  | ThreadFailed
  /** The stream is its own now; says that it waits for `begin`. */
  | { readonly kind: "holding" }
  | { readonly kind: "window"; readonly made: StreamWindow }
  | { readonly kind: "state"; readonly state: ReadingState };
