import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a test run owns on this machine, on record so that a later run can remove it when this one was killed. */
export interface Belongings {
  /** Deleted with everything in it; daemons that name it in their command line are killed. */
  readonly rundir: string;
  /** A network namespace (`ip netns`) that is deleted with it; absent: none of ours. */
  readonly namespace?: string;
}

const REGISTER = "/run/holdfast-test-ovs";
const DAEMONS = ["ovsdb-server", "ovs-vswitchd"];

/** Puts the belongings on record under this process; call before creating them. Gives the function that removes them. */
export function register(key: string, belongings: Belongings): () => void {
  const file = join(REGISTER, `${process.pid}-${startTime(process.pid)}-${key}.json`);
  mkdirSync(REGISTER, { recursive: true });
  writeFileSync(file, JSON.stringify(belongings));
  return () => {
    remove(belongings);
    rmSync(file, { force: true });
  };
}

/** Removes what dead processes have on record. What a living process owns is never touched. */
export function sweep(): void {
  if (!existsSync(REGISTER)) return;
  for (const name of readdirSync(REGISTER)) {
    const [pid, started] = name.split("-");
    if (startTime(Number(pid)) === started) continue;
    const file = join(REGISTER, name);
    const belongings = readRecord(file);
    if (belongings !== undefined) remove(belongings);
    rmSync(file, { force: true });
  }
}

/** Undefined when another sweep was faster, or when its writer was killed before it had written: then nothing exists yet. */
function readRecord(file: string): Belongings | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Belongings;
  } catch {
    return undefined;
  }
}

function remove({ rundir, namespace }: Belongings): void {
  for (const pid of daemonsOf(rundir)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
  rmSync(rundir, { recursive: true, force: true, maxRetries: 5 });
  if (namespace !== undefined && existsSync(join("/run/netns", namespace))) {
    execFileSync("ip", ["netns", "delete", namespace]);
  }
}

/** Open vSwitch daemons whose command line names the folder. */
function daemonsOf(rundir: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const program = readlinkSync(`/proc/${pid}/exe`).split("/").at(-1)?.replace(" (deleted)", "") ?? "";
        return DAEMONS.includes(program) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`${rundir}/`);
      } catch {
        return false;
      }
    });
}

/** Clock ticks after boot at which a process started; tells a process from a later one with the same id. Empty: no such process. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}
