import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { errorText, HoldfastError } from "@holdfast/core";
import { lengthOf, logTail } from "./log-tail.ts";
import { markOf, type ProcessMark, readPidFile, removePidFile, writePidFile } from "./pid-file.ts";

export interface BackgroundProgram {
  /** For messages, e.g. `"controller"`. */
  readonly name: string;
  readonly command: readonly string[];
  readonly pidFile: string;
  readonly logFile: string;
  /** Resolves when it serves. Absent: it says so itself, by a line on descriptor 3 (`HOLDFAST_READY_FD`). */
  readonly serves?: (signal: AbortSignal) => Promise<void>;
}

/**
 * Starts a program that outlives this one and resolves when it serves. One that does not is ended, and leaves no pid file.
 *
 * @throws HoldfastError `unavailable` with the end of its log when it ends first, `timeout` when it does not serve in time.
 */
export async function startInBackground(program: BackgroundProgram, timeoutMilliseconds: number): Promise<void> {
  const { name, pidFile, logFile, serves } = program;
  mkdirSync(dirname(logFile), { recursive: true });
  const from = lengthOf(logFile);
  const failure = (code: "timeout" | "unavailable", what: string): HoldfastError =>
    new HoldfastError(code, `${name} ${what}; ${logFile} says:\n${logTail(logFile, { from, lines: 5 })}`);
  const log = openSync(logFile, "a", 0o640);
  const [file = "", ...rest] = program.command;
  const child = spawn(file, rest, {
    detached: true,
    stdio: ["ignore", log, log, serves === undefined ? "pipe" : "ignore"],
    env: serves === undefined ? { ...process.env, HOLDFAST_READY_FD: "3" } : process.env,
  });
  closeSync(log);
  const ready = child.stdio[3] as Readable | null;
  if (child.pid !== undefined) writePidFile(pidFile, child.pid);
  const over = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(failure("timeout", "does not become ready")), timeoutMilliseconds);
  child.once("error", (error) => {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const reason = missing ? `there is no ${file}; install what is missing: make setup` : errorText(error);
    reject(new HoldfastError("unavailable", `${name} does not start: ${reason}`, { cause: error }));
  });
  child.once("exit", () => reject(failure("unavailable", "does not start")));
  if (serves === undefined) ready?.once("data", () => resolve());
  else serves(over.signal).then(resolve, reject);
  try {
    await promise;
  } catch (error) {
    await endProcess(pidFile, 10_000);
    throw error;
  } finally {
    clearTimeout(timer);
    over.abort();
    child.removeAllListeners();
    ready?.destroy();
    child.unref();
  }
}

/** Asks a process to end, insists after the timeout, and resolves when it is gone. Nothing when it is gone already. */
export async function endProcess(
  pidFile: string,
  timeoutMilliseconds: number,
  signal: NodeJS.Signals = "SIGTERM",
): Promise<boolean> {
  const mark = readPidFile(pidFile);
  if (mark === undefined) {
    removePidFile(pidFile);
    return false;
  }
  signalProcess(mark, signal);
  if (!(await gone(mark, timeoutMilliseconds))) {
    signalProcess(mark, "SIGKILL");
    await gone(mark, 5000);
  }
  removePidFile(pidFile);
  return true;
}

function signalProcess(mark: ProcessMark, signal: NodeJS.Signals): void {
  try {
    process.kill(mark.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/**
 * Node has no event for the end of a process that is no child of ours. Asked is whether it still runs: what is left of it until its
 * parent has heard of its end is not waited for, for some first processes of containers never listen.
 */
async function gone(mark: ProcessMark, timeoutMilliseconds: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMilliseconds;
  while (markOf(mark.pid)?.start === mark.start) {
    if (performance.now() > deadline) return false;
    await pause(10);
  }
  return true;
}
