import type { Logger } from "@holdfast/core";
import type { InventoryChange } from "@holdfast/flow";
import type { FromThread, ReceiverOptions, ToThread } from "./messages.ts";
import { startOwnThread } from "./own-thread.ts";
import type { SampledWindow } from "./windowing.ts";

/** Takes sFlow in a thread of its own. */
export interface Receiver extends AsyncDisposable {
  readonly port: number;
  /** What the kernel holds for it at most. */
  readonly receiveBufferBytes: number;
  /** Resolves when it has stopped. @throws HoldfastError `unavailable` when it failed, and takes no more. */
  readonly ended: Promise<void>;
  /** News of who has what, since when, for what is attributed from then on. */
  learn(changes: readonly InventoryChange[]): void;
  /** Takes no more, and hands on what it has before it resolves. Stopping twice is no error. */
  stop(): Promise<void>;
}

export interface ReceiverDependencies {
  readonly logger: Logger;
  /** Is given each window when it is over, in the order of their time. */
  readonly onWindow: (window: SampledWindow) => void;
}

/**
 * Opens the socket and begins to take datagrams.
 *
 * @throws HoldfastError `conflict` when somebody else has the port, `unavailable` when it cannot be opened for another reason
 */
export async function startReceiver(
  { logger, onWindow }: ReceiverDependencies,
  options: ReceiverOptions,
): Promise<Receiver> {
  const { ready, ended, say } = await startOwnThread<ReceiverOptions, ToThread, FromThread>(logger, {
    name: "sFlow receiver",
    file: new URL("./thread.ts", import.meta.url),
    options,
    hear(message) {
      if (message.kind === "window") onWindow(message.window);
    },
  });
  const { port, receiveBufferBytes } = ready;
  warnOfSmallBuffer(logger, options.receiveBufferBytes, receiveBufferBytes);
  const stop = async (): Promise<void> => {
    say({ kind: "stop" });
    await ended.catch(() => undefined);
  };
  return {
    port,
    receiveBufferBytes,
    ended,
    learn: (changes) => say({ kind: "inventory", changes }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

export function warnOfSmallBuffer(logger: Logger, asked: number, given: number): void {
  if (given >= asked) return;
  logger.warn("the kernel gave a smaller receive buffer than asked for; raise net.core.rmem_max", { asked, given });
}
