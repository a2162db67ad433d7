import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const INIT = fileURLToPath(new URL("init.sh", import.meta.url));

export interface GuestRun {
  /** What the program printed as `ok N - NAME` and `not ok N - NAME`: undefined when all is well, else what was wrong. */
  readonly results: ReadonlyMap<string, string | undefined>;
  /** All that the guest said. */
  readonly console: string;
}

/**
 * Boots user-mode Linux on this machine's file system, runs a program of ours in it as its only work, and reads its report (a subset of
 * the Test Anything Protocol: remarks of a failure follow its line, as `# …`).
 *
 * The guest has no network but its own and can write nowhere but to its own memory. It lives in a process namespace that ends with this
 * process, so nothing is left of it, even after `kill -9`.
 */
export async function runInUml(program: URL, limitMs: number): Promise<GuestRun> {
  const kernel = [
    "linux.uml",
    "rootfstype=hostfs rootflags=/ ro quiet",
    `init=${INIT} mem=2G`,
    "con=null con0=null,fd:1 uml_dir=/dev/shm",
    `-- ${process.execPath} ${fileURLToPath(program)}`,
  ].join(" ");
  const isolated = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"];
  const command = ["--pdeathsig", "KILL", ...isolated, "sh", "-c", `mount -t tmpfs tmpfs /dev/shm && exec ${kernel}`];
  const child = spawn("setpriv", command, { stdio: ["ignore", "pipe", "pipe"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => lines.push(line.trimEnd()));
  }
  await once(child, "close");
  clearTimeout(timer);
  return { results: readResults(lines), console: lines.join("\n") };
}

function readResults(lines: readonly string[]): ReadonlyMap<string, string | undefined> {
  const results = new Map<string, string | undefined>();
  let failed: string | undefined;
  for (const line of lines) {
    const [, not, name] = /^(not )?ok \d+ - (.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      results.set(name, not === undefined ? undefined : "");
      failed = not === undefined ? undefined : name;
    } else if (failed !== undefined && line.startsWith("# ")) {
      results.set(failed, `${results.get(failed)}${line.slice(2)}\n`);
    }
  }
  return results;
}
