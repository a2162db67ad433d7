import type { Logger } from "@holdfast/core";
import type { InventoryChange } from "@holdfast/flow";
import { startOwnThread } from "../receiver/own-thread.ts";
import type { FromReading, ReadingOptions, ReadingState, ToReading } from "./reading-messages.ts";
import type { StreamWindow } from "./stream-windows.ts";

/** Reads the stream in a thread of its own: one window after the other, and acknowledges those that are kept. */
export interface StreamReader {
  /** As of the last second. */
  state(): ReadingState;
  /** Resolves when it has stopped. @throws HoldfastError `unavailable` when it failed, and reads no more. */
  readonly ended: Promise<void>;
  /** News of who has what, since when, for what is attributed from then on. */
  learn(changes: readonly InventoryChange[]): void;
  /** The store has this window. */
  kept(window: Pick<StreamWindow, "number" | "checkpoint">): void;
  /** Reads no more. What is not acknowledged by then, and not {@link kept} before it stops, is read again later. */
  pause(): void;
  /** Stopping twice is no error. */
  stop(): Promise<void>;
}

export interface StreamReaderDependencies {
  readonly logger: Logger;
  /** Is given each window when it is over, in the order of their time. */
  readonly onWindow: (made: StreamWindow) => void;
  /** What the store has of the stream, asked for before anything is read; undefined: it does not know. */
  readonly checkpoint: () => Promise<string | undefined>;
}

export async function startStreamReader(
  { logger, onWindow, checkpoint }: StreamReaderDependencies,
  options: ReadingOptions,
): Promise<StreamReader> {
  let state: ReadingState = {
    redis: { state: "away", since: Date.now() },
    state: "starting",
    counts: { lost: 0, repeated: 0, foreign: 0 },
    unkept: 0,
    behind: 0,
  };

  function tellOf(now: ReadingState): void {
    if (now.redis.state !== state.redis.state) {
      if (now.redis.state === "connected") logger.info("the stream's reader is connected to Redis");
      else logger.warn("the stream's reader does not reach Redis", { error: now.redis.error });
    }
    const lost = now.counts.lost - state.counts.lost;
    if (lost > 0) logger.warn("datagrams were lost on their way through the stream", { datagrams: lost });
    state = now;
  }

  const thread = await startOwnThread<ReadingOptions, ToReading, FromReading>(logger, {
    name: "stream's reader",
    file: new URL("./reading-thread.ts", import.meta.url),
    options,
    hear(message) {
      if (message.kind === "window") onWindow(message.made);
      else if (message.kind === "state") tellOf(message.state);
      else if (message.kind === "holding")
        void checkpoint().then((known) => thread.say({ kind: "begin", checkpoint: known }));
    },
  });
  return {
    state: () => state,
    ended: thread.ended,
    learn: (changes) => thread.say({ kind: "inventory", changes }),
    kept: ({ number, checkpoint: until }) => thread.say({ kind: "kept", number, checkpoint: until }),
    pause: () => thread.say({ kind: "pause" }),
    async stop() {
      thread.say({ kind: "stop" });
      await thread.ended.catch(() => undefined);
    },
  };
}
