import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { HoldfastError } from "@holdfast/core";
import { type ProcessMark, readPidFile, removePidFile, writePidFile } from "./pid-file.ts";

export interface BackgroundProgram {
  /** For messages, e.g. `"controller"`. */
  readonly name: string;
  readonly command: readonly string[];
  readonly pidFile: string;
  /** The program writes its pid file itself. */
  readonly writesPidFile?: true;
  readonly logFile: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Starts a program that outlives this one and resolves when it says `ready` on descriptor 3 (`HOLDFAST_READY_FD`).
 *
 * @throws HoldfastError `unavailable` with the end of its log when it ends first, `timeout` when it says nothing in time.
 */
export async function startInBackground(program: BackgroundProgram, timeoutMilliseconds: number): Promise<void> {
  mkdirSync(dirname(program.logFile), { recursive: true });
  const log = openSync(program.logFile, "a", 0o640);
  const [file = "", ...rest] = program.command;
  const child = spawn(file, rest, {
    detached: true,
    stdio: ["ignore", log, log, "pipe"],
    env: { ...process.env, ...program.environment, HOLDFAST_READY_FD: "3" },
  });
  const ready = child.stdio[3] as NodeJS.ReadableStream;
  if (child.pid !== undefined) writePidFile(program.pidFile, child.pid);
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(failure(program, "timeout", "did not become ready")), timeoutMilliseconds);
      const settle = (done: () => void) => () => {
        clearTimeout(timer);
        done();
      };
      ready.once("data", settle(resolve));
      child.once(
        "error",
        settle(() => reject(failure(program, "unavailable", "could not be started"))),
      );
      child.once(
        "exit",
        settle(() => reject(failure(program, "unavailable", "has ended"))),
      );
    });
  } catch (error) {
    removePidFile(program.pidFile);
    child.kill("SIGTERM");
    throw error;
  } finally {
    child.removeAllListeners();
    (ready as unknown as { destroy(): void }).destroy();
    child.unref();
  }
}

function failure(program: BackgroundProgram, code: "timeout" | "unavailable", what: string): HoldfastError {
  const tail = logTail(program.logFile, 5);
  return new HoldfastError(code, `${program.name} ${what}; the end of ${program.logFile}:\n${tail}`);
}

export function logTail(path: string, lines: number): string {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  } catch {
    return "(no log)";
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
  if (!(await gone(mark, pidFile, timeoutMilliseconds))) {
    signalProcess(mark, "SIGKILL");
    await gone(mark, pidFile, 5000);
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

/** The end of a process that is no child of ours: tail(1) follows it by pidfd and ends with it. */
async function gone(mark: ProcessMark, pidFile: string, timeoutMilliseconds: number): Promise<boolean> {
  if (readPidFile(pidFile) === undefined) return true;
  const watcher = spawn("tail", ["--pid", String(mark.pid), "-s", "0.05", "-f", "/dev/null"], { stdio: "ignore" });
  const timer = setTimeout(() => watcher.kill(), timeoutMilliseconds);
  const ended = await new Promise<boolean>((resolve) => watcher.once("exit", (code) => resolve(code === 0)));
  clearTimeout(timer);
  return ended;
}
