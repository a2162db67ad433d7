import type { RedisOptions } from "./redis.ts";

/** Which parts of the way through a stream a collector is. */
export type StreamRole = "both" | "receiver" | "worker";

export interface StreamOptions {
  readonly redis: RedisOptions;
  /** Key of the stream, e.g. `"holdfast:sflow"`; beside it are `KEY:reader` and `KEY:checkpoint`. */
  readonly key: string;
  /** Bytes of Redis' memory that the stream may have. */
  readonly streamBytes: number;
  readonly role: StreamRole;
}
