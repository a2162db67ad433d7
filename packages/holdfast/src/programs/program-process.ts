import { startInBackground } from "../processes/background.ts";
import { readPidFile } from "../processes/pid-file.ts";
import { logFileOf, type Places, pidFileOf } from "./places.ts";

const START_TIMEOUT = 60_000;

/** Starts a program of ours in the background unless it runs. Says which, in words for people. */
export async function ensureProgram(places: Places, name: string, flags: readonly string[]): Promise<string> {
  const pidFile = pidFileOf(places, name);
  if (readPidFile(pidFile) !== undefined) return "runs already";
  const command = [places.command, name, ...flags];
  await startInBackground({ name, command, pidFile, logFile: logFileOf(places, name) }, START_TIMEOUT);
  return "started";
}
