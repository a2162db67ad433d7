import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";
import { type ErrorCode, errorText, HoldfastError, isErrorCode, type Logger } from "@holdfast/core";
import { readKernelDrops } from "./kernel-drops.ts";
import type { Drained, FromThread, ThreadStart, ToThread } from "./messages.ts";
import type { UdpSocketOptions } from "./udp-socket.ts";

/** Takes sFlow in a thread of its own. */
export interface Receiver extends AsyncDisposable {
  readonly port: number;
  /** What the kernel holds for it at most. */
  readonly receiveBufferBytes: number;
  /**
   * What was taken since the last call, and how many datagrams the kernel dropped since the receiver started.
   *
   * @throws HoldfastError `unavailable` when the receiver has stopped
   */
  drain(): Promise<Drained & { readonly kernelDrops: number }>;
  /** Takes no more. Stopping twice is no error. */
  stop(): Promise<void>;
}

/**
 * Opens the socket and begins to take datagrams.
 *
 * @throws HoldfastError `conflict` when somebody else has the port, `unavailable` when it cannot be opened for another reason
 */
export async function startReceiver(
  dependencies: { readonly logger: Logger },
  options: UdpSocketOptions,
): Promise<Receiver> {
  const { port1: questions, port2 } = new MessageChannel();
  const start: ThreadStart = { options, questions: port2 };
  const worker = new Worker(new URL("./thread.ts", import.meta.url), { workerData: start, transferList: [port2] });
  const waiting = new Map<number, PromiseWithResolvers<Drained>>();
  let lastId = 0;
  let hasEnded = false;
  // What a thread says last and its end may be told in one turn: who listens for the end only then waits for ever.
  const ended = new Promise<void>((resolve) => {
    worker.once("exit", () => {
      hasEnded = true;
      for (const { reject } of waiting.values()) reject(stopped());
      waiting.clear();
      questions.close();
      resolve();
    });
  });
  const { port, receiveBufferBytes } = await firstMessage(worker);
  warnOfSmallBuffer(dependencies.logger, options.receiveBufferBytes, receiveBufferBytes);
  worker.on("message", (message: FromThread) => {
    if (message.kind !== "drained") return;
    waiting.get(message.id)?.resolve(message.drained);
    waiting.delete(message.id);
  });
  // Without a listener, an error of the thread would end the process. Whoever drains next is told that the receiver has stopped.
  worker.on("error", (error) => dependencies.logger.error("sFlow receiver failed", { error: errorText(error) }));

  const say = (message: ToThread): void => questions.postMessage(message);
  const stop = async (): Promise<void> => {
    say({ kind: "stop" });
    await ended;
  };
  return {
    port,
    receiveBufferBytes,
    async drain() {
      if (hasEnded) throw stopped();
      const id = ++lastId;
      const answer = Promise.withResolvers<Drained>();
      waiting.set(id, answer);
      say({ kind: "drain", id });
      const [drained, kernelDrops] = await Promise.all([answer.promise, readKernelDrops(port)]);
      return { ...drained, kernelDrops };
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
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

function stopped(): HoldfastError {
  return new HoldfastError("unavailable", "the sFlow receiver has stopped; start the collector again");
}
