import { mkdirSync, rmSync } from "node:fs";
import { get } from "node:http";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type BackgroundProgram, endProcess, startInBackground } from "../processes/background.ts";
import { readPidFile, removePidFile } from "../processes/pid-file.ts";
import { logFileOf, type Places, pidFileOf } from "./places.ts";
import { answers } from "./switch-process.ts";

/** Uses the Docker engine that runs on the machine, or starts one. Says which, in words for people. */
export async function ensureEngine(places: Places, timeoutMilliseconds: number): Promise<string> {
  if (await answers(places.engineSocket)) {
    const ours = readPidFile(pidFileOf(places, "dockerd")) !== undefined;
    return ours ? "runs already" : "the machine's own is used";
  }
  const { engineSocket } = places;
  mkdirSync(dirname(engineSocket), { recursive: true });
  rmSync(engineSocket, { force: true });
  const program: BackgroundProgram = {
    name: "dockerd",
    command: ["dockerd", "-H", `unix://${engineSocket}`],
    pidFile: pidFileOf(places, "dockerd"),
    logFile: logFileOf(places, "dockerd"),
    serves: (signal) => engineServes(engineSocket, signal),
  };
  await startInBackground(program, timeoutMilliseconds);
  return "started";
}

/** Ends the engine that {@link ensureEngine} started. Gives whether it ran. */
export async function endEngine(places: Places): Promise<boolean> {
  const ended = await endProcess(pidFileOf(places, "dockerd"), 20_000);
  if (ended) rmSync(places.engineSocket, { force: true });
  removePidFile(pidFileOf(places, "dockerd"));
  return ended;
}

/**
 * dockerd listens long before it serves, and may yet find that it cannot: its API is asked, which answers when it serves. That somebody
 * listens has no event, hence the short pauses.
 */
async function engineServes(socketPath: string, signal: AbortSignal): Promise<void> {
  while (!(await answersPing(socketPath, signal))) {
    signal.throwIfAborted();
    await pause(20, undefined, { signal });
  }
}

function answersPing(socketPath: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ socketPath, path: "/_ping", agent: false, signal });
    request.on("error", () => resolve(false));
    request.on("response", (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
  });
}
