import { watch } from "node:fs";
import { open, stat } from "node:fs/promises";
import { request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { HoldfastError } from "@holdfast/core";

/** When a process counts as started. */
export type Readiness = (
  | {
      /** It has written a line that matches. */
      readonly kind: "line";
      readonly pattern: RegExp;
    }
  | {
      /** `GET path` over a unix socket answers with 2xx. */
      readonly kind: "http";
      /** Path of the socket as this process sees it, e.g. `space.path("/run/holdfast/agent.sock")`. */
      readonly socket: string;
      /** E.g. `"/readyz"`. */
      readonly path: string;
    }
  | {
      /** The caller's own check resolves; it must end when its signal is aborted. */
      readonly kind: "check";
      readonly check: (signal: AbortSignal) => Promise<void>;
    }
) & {
  /** Milliseconds. Default 20,000. */
  readonly timeout?: number;
};

/** Waits until a process is ready. @throws HoldfastError `timeout`; or the signal's reason. */
export async function waitReady(
  ready: Readiness,
  output: { readonly log: string; readonly logStart: number },
  signal: AbortSignal,
): Promise<void> {
  const timeout = ready.timeout ?? 20_000;
  const limit = AbortSignal.timeout(timeout);
  try {
    await waitWithoutLimit(ready, output, AbortSignal.any([signal, limit]));
  } catch (cause) {
    if (!limit.aborted || signal.aborted) throw cause;
    throw new HoldfastError("timeout", `not ready after ${timeout} ms; its log is ${output.log}`, { cause });
  }
}

async function waitWithoutLimit(
  ready: Readiness,
  output: { readonly log: string; readonly logStart: number },
  signal: AbortSignal,
): Promise<void> {
  switch (ready.kind) {
    case "line":
      return await waitLine(ready.pattern, output, signal);
    case "http":
      return await waitHttp(ready.socket, ready.path, signal);
    case "check":
      return await ready.check(signal);
  }
}

/** Resolves when the file has a line that matches after byte `logStart`; woken by inotify. */
async function waitLine(
  pattern: RegExp,
  { log, logStart }: { readonly log: string; readonly logStart: number },
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  await using file = await open(log, "r");
  let wake = (): void => {};
  using watcher = closing(watch(log, () => wake()));
  const onAbort = (): void => wake();
  signal.addEventListener("abort", onAbort, { once: true });
  let text = "";
  for (let position = logStart; ; ) {
    // Armed before reading, so that a line written after the read is not missed.
    const changed = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const { size } = await stat(log);
    if (size > position) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(size - position), 0, size - position, position);
      position += bytesRead;
      text += buffer.toString("latin1", 0, bytesRead);
      if (text.split("\n").some((line) => pattern.test(line))) break;
      text = text.slice(text.lastIndexOf("\n") + 1);
    } else {
      signal.throwIfAborted();
      await changed;
    }
  }
  signal.removeEventListener("abort", onAbort);
  watcher[Symbol.dispose]();
}

function closing(watcher: { close(): void }): Disposable {
  return { [Symbol.dispose]: () => watcher.close() };
}

/** A socket that is not there yet, or refuses, is asked again: the process may make its folder late, so there is no event to wait for. */
async function waitHttp(socket: string, path: string, signal: AbortSignal): Promise<void> {
  for (let wait = 2; ; wait = Math.min(wait * 2, 50)) {
    const status = await httpStatusOf(socket, path, signal);
    if (status >= 200 && status < 300) return;
    await pause(wait, undefined, { signal });
  }
}

/** The status of `GET path` over a unix socket; 0 when nobody answers. */
function httpStatusOf(socket: string, path: string, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: socket, path, agent: false, signal }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
      response.on("error", () => resolve(0));
    });
    call.on("error", (error) => (signal.aborted ? reject(error) : resolve(0)));
    call.end();
  });
}
