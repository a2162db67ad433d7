import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** A process that cannot be mistaken for a later one with the same pid: `start` is field 22 of /proc/PID/stat, proc(5). */
export interface ProcessMark {
  readonly pid: number;
  readonly start: string;
}

/** Undefined when there is no such process, or only its remains (a zombie). */
export function markOf(pid: number): ProcessMark | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const start = fields[19];
    // Other threads may outlive the first for a moment, and what the process has open with them: field 20 counts them.
    const remains = fields[0] === "Z" && Number(fields[17]) <= 1;
    return remains || start === undefined ? undefined : { pid, start };
  } catch {
    return undefined;
  }
}

/** The process of the file if it still runs. */
export function readPidFile(path: string): ProcessMark | undefined {
  try {
    const [pid, start] = readFileSync(path, "utf8").trim().split(" ");
    const now = markOf(Number(pid));
    // Programs of others write the pid alone.
    return now !== undefined && (start === undefined || now.start === start) ? now : undefined;
  } catch {
    return undefined;
  }
}

export function writePidFile(path: string, pid: number): void {
  const mark = markOf(pid);
  if (mark === undefined) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${mark.pid} ${mark.start}\n`);
  renameSync(`${path}.new`, path);
}

export function removePidFile(path: string): void {
  rmSync(path, { force: true });
}
