import type { ThreadFailed } from "../receiver/own-thread.ts";
import type { UdpSocketOptions } from "../receiver/udp-socket.ts";
import type { StreamSize } from "./appender.ts";
import type { OutboxCounts } from "./outbox.ts";
import type { RedisOptions, RedisState } from "./redis.ts";

export interface ReceivingOptions extends UdpSocketOptions {
  readonly redis: RedisOptions;
  /** Key of the stream. */
  readonly key: string;
  /** Bytes of Redis' memory that the stream may have. */
  readonly streamBytes: number;
  /** Bytes of memory for datagrams that wait for Redis. */
  readonly holdBytes: number;
  /** Name of this life of the receiver. */
  readonly from: string;
}

/** How the receiving thread does. */
export interface ReceivingState {
  readonly redis: RedisState;
  readonly counts: OutboxCounts & { readonly bytes: number };
  readonly stream: StreamSize;
}

export type ToReceiving = { readonly kind: "stop" };

export type FromReceiving =
  | { readonly kind: "ready"; readonly port: number; readonly receiveBufferBytes: number }
  | ThreadFailed
  | { readonly kind: "state"; readonly state: ReceivingState };
