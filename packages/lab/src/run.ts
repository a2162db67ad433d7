import { type SpawnOptions, spawn } from "node:child_process";
import { constants } from "node:os";
import { HoldfastError } from "@holdfast/core";

/** What a program that has ended left behind. */
export interface Output {
  /** Exit code; -1 for a program that a signal ended. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run a program to its end. */
export interface RunOptions {
  /** Ends the program with SIGKILL when aborted. */
  readonly signal: AbortSignal;
  /** Text for the program's standard input; without it the input is empty. */
  readonly input?: string | Uint8Array;
}

/** Runs a program to its end, whatever its exit code. @throws HoldfastError `unavailable`: it cannot be started. */
export async function tryRun(argv: readonly string[], { signal, input }: RunOptions): Promise<Output> {
  signal.throwIfAborted();
  const [file = "", ...rest] = argv;
  const options: SpawnOptions = { stdio: "pipe", signal, killSignal: "SIGKILL" };
  const child = spawn(file, rest, options);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
  // A program may end without reading its input: that is its right, not an error of ours.
  child.stdin?.on("error", () => {});
  child.stdin?.end(input ?? "");
  return await new Promise((resolve, reject) => {
    child.on("error", (cause) => {
      reject(signal.aborted ? signal.reason : new HoldfastError("unavailable", `cannot start ${file}`, { cause }));
    });
    child.on("close", (code) =>
      resolve({ code: code ?? -1, stdout: String(Buffer.concat(stdout)), stderr: String(Buffer.concat(stderr)) }),
    );
  });
}

/** Runs a program to its end. @throws HoldfastError `internal`: it did not exit with 0; the message has its last words. */
export async function run(argv: readonly string[], options: RunOptions, shownAs = argv): Promise<Output> {
  const output = await tryRun(argv, options);
  if (output.code === 0) return output;
  const words = (output.stderr.trim() || output.stdout.trim()).slice(-2000);
  const command = shownAs.join(" ").slice(0, 300);
  throw new HoldfastError("internal", `exit code ${output.code} of: ${command}: ${words}`, {
    details: { exitCode: output.code },
  });
}

/** Runs a program on this process's own terminal; gives its exit code, 128 plus the number for one that a signal ended. */
export async function runInteractive(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const [file = "", ...rest] = argv;
  const child = spawn(file, rest, { stdio: "inherit", signal });
  return await new Promise((resolve, reject) => {
    child.on("error", (cause) => {
      reject(signal.aborted ? signal.reason : new HoldfastError("unavailable", `cannot start ${file}`, { cause }));
    });
    child.on("close", (code, killer) => resolve(code ?? 128 + (killer === null ? 0 : constants.signals[killer])));
  });
}
