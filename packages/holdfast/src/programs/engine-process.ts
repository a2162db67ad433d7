import { spawn } from "node:child_process";
import { mkdirSync, openSync, rmSync, watch } from "node:fs";
import { dirname } from "node:path";
import { HoldfastError } from "@holdfast/core";
import { endProcess, logTail } from "../processes/background.ts";
import { readPidFile, removePidFile, writePidFile } from "../processes/pid-file.ts";
import { logFileOf, type Places, pidFileOf } from "./places.ts";
import { answers } from "./switch-process.ts";

/** Uses the Docker engine that runs on the machine, or starts one. Says which, in words for people. */
export async function ensureEngine(places: Places, timeoutMilliseconds: number): Promise<string> {
  if (await answers(places.engineSocket)) {
    const ours = readPidFile(pidFileOf(places, "dockerd")) !== undefined;
    return ours ? "runs already" : "the machine's own is used";
  }
  const logFile = logFileOf(places, "dockerd");
  mkdirSync(places.log, { recursive: true });
  mkdirSync(dirname(places.engineSocket), { recursive: true });
  rmSync(places.engineSocket, { force: true });
  const log = openSync(logFile, "a", 0o640);
  const child = spawn("dockerd", ["-H", `unix://${places.engineSocket}`], {
    detached: true,
    stdio: ["ignore", log, log],
  });
  child.unref();
  if (child.pid !== undefined) writePidFile(pidFileOf(places, "dockerd"), child.pid);
  const ended = new Promise<never>((_, reject) => {
    const fail = () => reject(new HoldfastError("unavailable", `dockerd does not start:\n${logTail(logFile, 5)}`));
    child.once("error", fail);
    child.once("exit", fail);
  });
  await Promise.race([socketAnswers(places.engineSocket, timeoutMilliseconds), ended]);
  child.removeAllListeners();
  return "started";
}

/** Ends the engine that {@link ensureEngine} started. Gives whether it ran. */
export async function endEngine(places: Places): Promise<boolean> {
  const ended = await endProcess(pidFileOf(places, "dockerd"), 20_000);
  if (ended) rmSync(places.engineSocket, { force: true });
  removePidFile(pidFileOf(places, "dockerd"));
  return ended;
}

/** Asks each time the socket's folder changes. */
async function socketAnswers(socket: string, timeoutMilliseconds: number): Promise<void> {
  const watcher = watch(dirname(socket));
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(new HoldfastError("timeout", `nothing answers at ${socket} after ${timeoutMilliseconds / 1000} s`)),
        timeoutMilliseconds,
      );
      const ask = (): void => {
        void answers(socket).then((yes) => {
          if (!yes) return;
          clearTimeout(timer);
          resolve();
        });
      };
      watcher.on("change", ask);
      ask();
    });
  } finally {
    watcher.close();
  }
}
