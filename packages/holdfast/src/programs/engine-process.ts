import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type BackgroundProgram, endProcess, startInBackground } from "../processes/background.ts";
import { readPidFile, removePidFile } from "../processes/pid-file.ts";
import { observeForwardPolicy, removeEngineTraces } from "./engine-traces.ts";
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
  mkdirSync(places.run, { recursive: true });
  // One that died has left its policy behind: what was before it counts.
  if (!existsSync(policyFile(places))) writeFileSync(policyFile(places), observeForwardPolicy());
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

/** Ends the engine that {@link ensureEngine} started, with what it leaves in the kernel. Gives whether it ran. */
export async function endEngine(places: Places): Promise<boolean> {
  const ended = await endProcess(pidFileOf(places, "dockerd"), 20_000);
  if (ended) rmSync(places.engineSocket, { force: true });
  removePidFile(pidFileOf(places, "dockerd"));
  // The file is there when dockerd was started here, also when it has died since; another one that runs now is somebody else's.
  if (existsSync(policyFile(places)) && !(await answers(places.engineSocket))) {
    removeEngineTraces(readFileSync(policyFile(places), "utf8"));
  }
  rmSync(policyFile(places), { force: true });
  return ended;
}

/** Holds the policy of `FORWARD` from before dockerd was started, which sets it to drop. */
function policyFile(places: Places): string {
  return join(places.run, "forward-policy");
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
