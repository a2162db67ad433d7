import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, statSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { assert, HoldfastError } from "@holdfast/core";
import { isAlive, type ProcessRef, processRef, sendSignal } from "./process-ref.ts";
import { type Readiness, waitReady } from "./ready.ts";

/** A long-lived process in a space of a lab. */
export interface LabProcess extends ProcessRef {
  /** The name in its space, e.g. `"agent"`. */
  readonly name: string;
  readonly argv: readonly string[];
  /** The file that takes what it writes to stdout and stderr. */
  readonly log: string;
}

/** Where a process is started: the wrapping that brings it into a space, and where its record and log go. */
export interface ProcessPlace {
  /** Put before the program, e.g. `["sh", "-c", …, "nsenter", …]`. */
  readonly prefix: readonly string[];
  /** Where `NAME.json` is written. */
  readonly recordFolder: string;
  /** Where `NAME.log` is appended to. */
  readonly logFolder: string;
}

/** What to start. */
export interface ProcessSpec {
  readonly name: string;
  readonly argv: readonly string[];
  /** When the process counts as started. Without it: as soon as it runs. */
  readonly ready?: Readiness;
}

/**
 * Starts a process that outlives its starter, and waits until it is ready. When it is not ready in time, or the wait is aborted,
 * it is killed.
 *
 * @throws HoldfastError `unavailable`: it ended before it was ready; the message has the end of its log. `timeout`.
 */
export async function startProcess(place: ProcessPlace, spec: ProcessSpec, signal: AbortSignal): Promise<LabProcess> {
  signal.throwIfAborted();
  const log = `${place.logFolder}/${spec.name}.log`;
  const descriptor = openSync(log, "a");
  const logStart = statSync(log).size;
  let child: ChildProcess;
  try {
    const [file = "", ...rest] = [...place.prefix, ...spec.argv];
    child = spawn(file, rest, { detached: true, stdio: ["ignore", descriptor, descriptor] });
  } finally {
    closeSync(descriptor);
  }
  const started = await refOf(child, spec.name);
  const labProcess: LabProcess = { ...started, name: spec.name, argv: spec.argv, log };
  await writeFile(`${place.recordFolder}/${spec.name}.json`, JSON.stringify(labProcess));
  if (spec.ready === undefined) return labProcess;
  const ended = new AbortController();
  child.once("exit", () => ended.abort());
  try {
    await waitReady(spec.ready, { log, logStart }, AbortSignal.any([signal, ended.signal]));
  } catch (cause) {
    child.kill("SIGKILL");
    if (!ended.signal.aborted) throw cause;
    const end = String((await readFile(log)).subarray(logStart)).slice(-2000);
    throw new HoldfastError("unavailable", `${spec.name} ended before it was ready: ${end}`, { cause });
  }
  return labProcess;
}

async function refOf(child: ChildProcess, name: string): Promise<ProcessRef> {
  await new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) => reject(new HoldfastError("unavailable", `cannot start ${name}`, { cause })));
  });
  child.unref();
  assert(child.pid !== undefined, "a process that was spawned has a pid");
  // The child is ours and not reaped before its exit event, so the pid cannot be another's. One that has ended already is a zombie.
  return processRef(child.pid) ?? { pid: child.pid, startTime: "ended" };
}

/** The process with this name, running or not. */
export async function readProcess(recordFolder: string, name: string): Promise<LabProcess | undefined> {
  const text = await readFile(`${recordFolder}/${name}.json`, "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as LabProcess);
}

/** Ends a process: SIGTERM, after `grace` milliseconds SIGKILL; returns when it is gone. Its absence is success. */
export async function stopProcess(labProcess: ProcessRef, grace: number, signal: AbortSignal): Promise<void> {
  if (!sendSignal(labProcess, "SIGTERM")) return;
  if (await waitGone(labProcess, grace, signal)) return;
  sendSignal(labProcess, "SIGKILL");
  if (await waitGone(labProcess, 10_000, signal)) return;
  throw new HoldfastError("timeout", `process ${labProcess.pid} survives SIGKILL; it waits inside the kernel`);
}

/**
 * Waits until a process has ended; false when it still runs after `milliseconds`. Looks again and again: only a parent gets an
 * event, and the process may be another command's child.
 */
export async function waitGone(labProcess: ProcessRef, milliseconds: number, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  for (let wait = 1; isAlive(labProcess); wait = Math.min(wait * 2, 20)) {
    if (performance.now() > deadline) return false;
    await pause(wait, undefined, { signal });
  }
  return true;
}

/** Forgets a process. */
export async function removeProcessRecord(recordFolder: string, name: string): Promise<void> {
  await rm(`${recordFolder}/${name}.json`, { force: true });
}
