import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Logger } from "@holdfast/core";
import type { FlowStatus } from "@holdfast/model";
import type { TrafficSource } from "../receiver/traffic-source.ts";
import type { SampledWindow } from "../receiver/windowing.ts";
import { startStreamReader } from "./reading.ts";
import { startStreamReceiver } from "./receiving.ts";
import { placeOf } from "./redis.ts";
import type { StreamOptions } from "./stream-options.ts";
import { type StreamParts, streamStatus } from "./stream-status.ts";

export interface StreamSourceDependencies {
  readonly logger: Logger;
  readonly onWindow: (window: SampledWindow) => void;
  /** What the store has of the stream, asked for before anything is read; undefined: it does not know. */
  readonly checkpoint: () => Promise<string | undefined>;
  /** Why the store does not take a window that waits; undefined: it does. */
  readonly storeError: () => string | undefined;
}

export interface StreamSourceOptions extends StreamOptions {
  readonly address: string;
  readonly port: number;
  readonly receiveBufferBytes: number;
  readonly windowMs: number;
  readonly settleMs: number;
  readonly holdBytes: number;
  readonly windowSamples: number;
}

/** Windows by way of a stream: its receiver, its reader, or both. */
export interface StreamSource extends TrafficSource {
  status(): NonNullable<FlowStatus["stream"]>;
}

/** @throws HoldfastError `conflict` or `unavailable` when it cannot listen; Redis may come later */
export async function startStreamSource(
  dependencies: StreamSourceDependencies,
  options: StreamSourceOptions,
): Promise<StreamSource> {
  const { logger, onWindow, checkpoint, storeError } = dependencies;
  const { role, key } = options;
  const name = `${hostname()}-${randomUUID().slice(0, 8)}`;
  const receiver = role === "worker" ? undefined : await startStreamReceiver({ logger }, { ...options, from: name });
  const reader =
    role === "receiver"
      ? undefined
      : await startStreamReader(
          {
            logger,
            checkpoint,
            onWindow: ({ window, ...origin }) => onWindow({ ...window, origin: { stream: key, ...origin } }),
          },
          { ...options, consumer: name },
        );
  logger.info("sFlow goes through Redis", { role, redis: placeOf(options.redis.url), stream: key });
  const parts: StreamParts = { receiver, reader, storeError };
  // Whichever fails: the others are of no use without it.
  const ended = Promise.all([receiver?.ended, reader?.ended]).then(() => undefined);
  // Nobody has to listen.
  ended.catch(() => undefined);
  return {
    port: receiver?.port ?? 0,
    ended,
    learn: (changes) => reader?.learn(changes),
    kept: (origin) => reader?.kept(origin),
    async pause() {
      reader?.pause();
      await receiver?.stop();
    },
    async stop() {
      await reader?.stop();
    },
    status: () => streamStatus(key, parts),
  };
}
