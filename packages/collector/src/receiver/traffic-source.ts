import type { Logger } from "@holdfast/core";
import type { InventoryChange } from "@holdfast/flow";
import type { WindowOrigin } from "../windows/traffic.ts";
import type { ReceiverOptions } from "./messages.ts";
import { startReceiver } from "./receiver.ts";
import type { SampledWindow } from "./windowing.ts";

/** Where windows come from. */
export interface TrafficSource {
  /** UDP, where sFlow is taken; 0: it is taken elsewhere. */
  readonly port: number;
  /** Resolves when it has stopped. @throws HoldfastError when it failed, and gives no more. */
  readonly ended: Promise<void>;
  /** News of who has what, since when, for what is attributed from then on. */
  learn(changes: readonly InventoryChange[]): void;
  /** The store has a window. */
  kept(origin: WindowOrigin): void;
  /** Takes no more, and has handed on all that it hands on when it resolves. */
  pause(): Promise<void>;
  /** When the store has what it takes of that. Stopping twice is no error. */
  stop(): Promise<void>;
}

/** Windows straight from the socket, in this process' memory. */
export async function startMemorySource(
  dependencies: { readonly logger: Logger; readonly onWindow: (window: SampledWindow) => void },
  options: ReceiverOptions,
): Promise<TrafficSource> {
  const { port, ended, learn, stop } = await startReceiver(dependencies, options);
  const what =
    "what this process has not given to its store ends with it, and who restarts it misses what comes meanwhile";
  dependencies.logger.info(`sFlow goes through memory: ${what}; --redis keeps it`, { port });
  return { port, ended, learn, kept: () => undefined, pause: stop, stop };
}
