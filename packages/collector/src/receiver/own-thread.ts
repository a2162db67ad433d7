import { once } from "node:events";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { type ErrorCode, errorText, HoldfastError, isErrorCode, type Logger } from "@holdfast/core";

/** What a thread of ours begins with. */
export interface ThreadStart<Options> {
  readonly options: Options;
  /** Where it is told what to do. */
  readonly orders: MessagePort;
}

/** What every thread of ours may say instead of `ready`. */
export interface ThreadFailed {
  readonly kind: "failed";
  readonly code: string;
  readonly message: string;
}

/** A thread that runs until it is told to stop, or fails. */
export interface OwnThread<To, Ready> {
  /** What it said first. */
  readonly ready: Ready;
  /** Resolves when it has stopped. @throws HoldfastError `unavailable` when it failed */
  readonly ended: Promise<void>;
  say(message: To): void;
}

export interface ThreadPlan<Options, From> {
  /** E.g. `"sFlow receiver"`. */
  readonly name: string;
  readonly file: URL;
  readonly options: Options;
  /** Is given what it says after it is ready. */
  readonly hear: (message: From) => void;
}

/** @throws HoldfastError that the thread says instead of being ready */
export async function startOwnThread<Options, To, From extends { readonly kind: string }>(
  logger: Logger,
  { name, file, options, hear }: ThreadPlan<Options, From>,
): Promise<OwnThread<To, Extract<From, { readonly kind: "ready" }>>> {
  const { port1: orders, port2 } = new MessageChannel();
  const start: ThreadStart<Options> = { options, orders: port2 };
  const worker = new Worker(file, { workerData: start, transferList: [port2] });
  const ended = Promise.withResolvers<void>();
  // What a thread says last and its end may be told in one turn: who listens for the end only then waits for ever.
  worker.once("exit", () => {
    orders.close();
    ended.resolve();
  });
  const ready = await firstMessage<From>(worker);
  worker.on("message", hear);
  // Without a listener, an error of the thread would end the process; who waits for the end is told instead.
  worker.on("error", (error) => {
    logger.error(`${name} failed`, { error: errorText(error) });
    ended.reject(failed(name, error));
  });
  // Nobody has to listen.
  ended.promise.catch(() => undefined);
  return { ready, ended: ended.promise, say: (message) => orders.postMessage(message) };
}

async function firstMessage<From extends { readonly kind: string }>(worker: Worker) {
  const [message] = (await once(worker, "message")) as [From | ThreadFailed];
  if (message.kind === "ready") return message as Extract<From, { readonly kind: "ready" }>;
  const { code, message: why } = message as ThreadFailed;
  const [known, said]: [ErrorCode, string] = isErrorCode(code) ? [code, why] : ["internal", "no answer"];
  throw new HoldfastError(known, said);
}

function failed(name: string, cause: unknown): HoldfastError {
  return new HoldfastError("unavailable", `the ${name} has failed; start the collector again`, { cause });
}
