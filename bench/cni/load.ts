import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { LabHost } from "@holdfast/lab";

/** Clock ticks in a second as `/proc` counts (sysconf(_SC_CLK_TCK)). */
const TICKS = 100;
const IDLE_SECONDS = 10;
const SETTLING_SECONDS = 5;

/** What the agent of a host takes while nothing is asked of it. */
export async function agentLoad(host: LabHost): Promise<{ readonly rssMib: number; readonly idlePercent: number }> {
  await pause(SETTLING_SECONDS * 1000);
  const agent = await host.process("agent");
  const status = await readFile(`/proc/${agent?.pid}/status`, "utf8");
  const before = await ticksOf(agent?.pid);
  await pause(IDLE_SECONDS * 1000);
  const ticks = (await ticksOf(agent?.pid)) - before;
  return {
    rssMib: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024,
    idlePercent: (ticks / TICKS / IDLE_SECONDS) * 100,
  };
}

/** Fields 14 and 15 of proc_pid_stat(5), utime and stime; the name before them may have blanks. */
async function ticksOf(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
