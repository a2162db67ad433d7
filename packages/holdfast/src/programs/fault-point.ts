import { appendFileSync, readFileSync } from "node:fs";
import { errorText, HoldfastError, type Reached } from "@holdfast/core";

/**
 * For tests and benchmarks, by variables that are not set in production: then there is no listener at all.
 *
 * - `HOLDFAST_FAULT_FILE` names a file. When it says `POINT`, the program kills itself there; with `POINT stop`, it stops there (SIGSTOP).
 * - `HOLDFAST_STEPS_FILE` names a file that gets a line for each point, milliseconds and name.
 */
export function faultPoints(environment: Readonly<Record<string, string | undefined>>): Reached | undefined {
  const { HOLDFAST_FAULT_FILE: faults, HOLDFAST_STEPS_FILE: steps } = environment;
  if (steps !== undefined) return noteSteps(steps);
  if (faults === undefined) return undefined;
  return (point) => {
    const [wanted, signal = "kill"] = readFault(faults).trim().split(" ");
    if (wanted === point) process.kill(process.pid, signal === "stop" ? "SIGSTOP" : "SIGKILL");
  };
}

/** Milliseconds between two writes: what is measured is not to wait for them. */
const BETWEEN_WRITES = 200;

function noteSteps(path: string): Reached {
  let lines = "";
  const write = (): void => {
    if (lines !== "") appendFileSync(path, lines);
    lines = "";
  };
  setInterval(write, BETWEEN_WRITES).unref();
  return (point) => {
    lines += `${performance.now()} ${point}\n`;
  };
}

function readFault(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw new HoldfastError("internal", `fault file ${path}: ${errorText(error)}`);
  }
}
