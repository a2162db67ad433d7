import { readFileSync } from "node:fs";

/**
 * One process for its whole life: the kernel reuses pids, but not a pid together with its start time.
 *
 * `startTime` is field 22 of `/proc/PID/stat` (proc(5)): clock ticks since boot, kept as text.
 */
export interface ProcessRef {
  readonly pid: number;
  readonly startTime: string;
}

/** The process that has this pid now; undefined when there is none or it is a zombie. */
export function processRef(pid: number): ProcessRef | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  const fields = afterCommandName(stat).split(" ");
  const [state, startTime] = [fields[0], fields[19]];
  return state === "Z" || state === "X" || startTime === undefined ? undefined : { pid, startTime };
}

/** The command name in field 2 may hold spaces and parentheses; the last parenthesis ends it. */
function afterCommandName(stat: string): string {
  return stat.slice(stat.lastIndexOf(")") + 2);
}

/** Whether that very process still runs. */
export function isAlive(ref: ProcessRef): boolean {
  return processRef(ref.pid)?.startTime === ref.startTime;
}

/** Sends a signal to that very process; a process that has gone is a success. Says whether it was sent. */
export function sendSignal(ref: ProcessRef, signal: NodeJS.Signals): boolean {
  if (!isAlive(ref)) return false;
  try {
    process.kill(ref.pid, signal);
    return true;
  } catch {
    return false;
  }
}
