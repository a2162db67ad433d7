import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";
import { type ErrorCode, errorText, HoldfastError, isErrorCode, type Logger } from "@holdfast/core";
import type { InventoryChange } from "@holdfast/flow";
import type { FromThread, ReceiverOptions, ThreadStart, ToThread } from "./messages.ts";
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
  const { port1: orders, port2 } = new MessageChannel();
  const start: ThreadStart = { options, orders: port2 };
  const worker = new Worker(new URL("./thread.ts", import.meta.url), { workerData: start, transferList: [port2] });
  const ended = Promise.withResolvers<void>();
  // What a thread says last and its end may be told in one turn: who listens for the end only then waits for ever.
  worker.once("exit", () => {
    orders.close();
    ended.resolve();
  });
  const { port, receiveBufferBytes } = await firstMessage(worker);
  warnOfSmallBuffer(logger, options.receiveBufferBytes, receiveBufferBytes);
  worker.on("message", (message: FromThread) => {
    if (message.kind === "window") onWindow(message.window);
  });
  // Without a listener, an error of the thread would end the process; who waits for the end is told instead.
  worker.on("error", (error) => {
    logger.error("sFlow receiver failed", { error: errorText(error) });
    ended.reject(failed(error));
  });
  // Nobody has to listen.
  ended.promise.catch(() => undefined);

  const say = (message: ToThread): void => orders.postMessage(message);
  const learn = (changes: readonly InventoryChange[]): void => say({ kind: "inventory", changes });
  const stop = async (): Promise<void> => {
    say({ kind: "stop" });
    await ended.promise.catch(() => undefined);
  };
  return { port, receiveBufferBytes, ended: ended.promise, learn, stop, [Symbol.asyncDispose]: stop };
}

async function firstMessage(worker: Worker): Promise<Extract<FromThread, { kind: "ready" }>> {
  const [message] = (await once(worker, "message")) as [FromThread];
  if (message.kind === "ready") return message;
  const [code, why]: [ErrorCode, string] =
    message.kind === "failed" && isErrorCode(message.code)
      ? [message.code, message.message]
      : ["internal", "no answer"];
  throw new HoldfastError(code, why);
}

function warnOfSmallBuffer(logger: Logger, asked: number, given: number): void {
  if (given >= asked) return;
  logger.warn("the kernel gave a smaller receive buffer than asked for; raise net.core.rmem_max", { asked, given });
}

function failed(cause: unknown): HoldfastError {
  return new HoldfastError("unavailable", `the sFlow receiver has failed; start the collector again`, { cause });
}
