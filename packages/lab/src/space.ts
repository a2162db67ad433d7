import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { HoldfastError } from "@holdfast/core";
import { createCgroup } from "./cgroup.ts";
import {
  type LabProcess,
  type ProcessPlace,
  type ProcessSpec,
  readProcess,
  removeProcessRecord,
  startProcess,
  stopProcess,
} from "./process.ts";
import { isAlive, type ProcessRef, processRef, sendSignal } from "./process-ref.ts";
import { CGROUP_PREFIX, DISKS_FOLDER, labFolder } from "./record.ts";
import { type Output, type RunOptions, run, tryRun } from "./run.ts";
import { spaceScript } from "./space-script.ts";

/** How a program is run in a space. */
export interface ExecOptions extends RunOptions {
  /** Added to the space's small fixed environment. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Enters the network namespace of this process instead of the space's, and its pid namespace, e.g. a container's: the program
   * sees the lab host's files and ends when the container ends.
   */
  readonly inside?: number;
}

/** What {@link LabSpace.spawn} is told. */
export interface SpawnOptions extends Omit<ProcessSpec, "argv"> {
  readonly signal: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
}

/** The record of a space, in `space.json`. */
export interface SpaceRecord {
  readonly name: string;
  /** The process that keeps the namespaces alive. */
  readonly holder: ProcessRef;
  /** The `cgroup.procs` file for its processes. */
  readonly cgroupProcs: string;
}

/**
 * A simulated machine: own network, mount and UTS namespaces, with its own `/run`, `/etc`, `/opt` and `/var/lib`; everything else is
 * the file system of the machine below.
 */
export class LabSpace {
  readonly name: string;
  readonly lab: string;
  /** `/run/holdfast-lab/LAB/NAME`. */
  readonly folder: string;
  /** The process that keeps the namespaces alive; `/proc/PID/ns/net` is the network namespace. */
  readonly holder: ProcessRef;
  readonly record: SpaceRecord;

  constructor(lab: string, record: SpaceRecord) {
    this.lab = lab;
    this.record = record;
    this.name = record.name;
    this.folder = `${labFolder(lab)}/${record.name}`;
    this.holder = record.holder;
  }

  /** Where a file below `/run` of the space is for processes outside, e.g. `path("/run/docker.sock")`. */
  path(inside: string): string {
    if (!inside.startsWith("/run/")) return `/proc/${this.holder.pid}/root${inside}`;
    return `${this.folder}${inside}`;
  }

  /** Runs a program to its end. @throws HoldfastError `internal`: its exit code was not 0. */
  async exec(argv: readonly string[], options: ExecOptions): Promise<Output> {
    return await run([...this.prefix(options), ...argv], options, [this.name, ...argv]);
  }

  /** Runs a program to its end, whatever its exit code. */
  async tryExec(argv: readonly string[], options: ExecOptions): Promise<Output> {
    return await tryRun([...this.prefix(options), ...argv], options);
  }

  /**
   * Starts a long-lived process by name, e.g. `"agent"`, and waits until it is ready. Its log is `/run/log/NAME.log` in the space.
   *
   * @throws HoldfastError `already_exists`: a process with this name runs; `unavailable`, `timeout`: it does not get ready.
   */
  async spawn(argv: readonly string[], { signal, env, ...spec }: SpawnOptions): Promise<LabProcess> {
    const running = await this.process(spec.name);
    if (running !== undefined && isAlive(running)) {
      throw new HoldfastError("already_exists", `${spec.name} runs in ${this.name} already, as process ${running.pid}`);
    }
    const place: ProcessPlace = {
      prefix: this.prefix(env === undefined ? {} : { env }),
      recordFolder: `${this.folder}/process`,
      logFolder: `${this.folder}/run/log`,
    };
    return await startProcess(place, { ...spec, argv }, signal);
  }

  /** Takes over a daemon that has put itself into the background, so that it can be killed by name. */
  async adopt(name: string, pid: number, argv: readonly string[]): Promise<LabProcess> {
    const ref = processRef(pid);
    if (ref === undefined)
      throw new HoldfastError("unavailable", `${name} in ${this.name} has ended; see ${this.folder}/run/log`);
    const adopted: LabProcess = { ...ref, name, argv, log: `${this.folder}/run/log/${name}.log` };
    await writeFile(`${this.folder}/process/${name}.json`, JSON.stringify(adopted));
    return adopted;
  }

  /** The process with this name, running or not; undefined when there never was one. */
  async process(name: string): Promise<LabProcess | undefined> {
    return await readProcess(`${this.folder}/process`, name);
  }

  /** The processes that were started by name. */
  async processes(): Promise<readonly LabProcess[]> {
    const names = (await readdir(`${this.folder}/process`)).map((file) => file.replace(/\.json$/, ""));
    return (await Promise.all(names.map((name) => this.process(name)))).filter((entry) => entry !== undefined);
  }

  /** Sends a signal to a process by name; returns at once. Says whether it ran. */
  async kill(name: string, signal: NodeJS.Signals = "SIGKILL"): Promise<boolean> {
    const found = await this.process(name);
    return found !== undefined && sendSignal(found, signal);
  }

  /** Ends a process by name: SIGTERM, after 10 s SIGKILL; returns when it is gone. Its absence is success. */
  async stop(name: string, signal: AbortSignal): Promise<void> {
    const found = await this.process(name);
    if (found !== undefined) await stopProcess(found, 10_000, signal);
    await removeProcessRecord(`${this.folder}/process`, name);
  }

  /** The words before a program's name that bring it into the space and into the lab's cgroup. */
  prefix({ env = {}, inside }: Pick<ExecOptions, "env" | "inside"> = {}): readonly string[] {
    if (!isAlive(this.holder)) {
      throw new HoldfastError(
        "unavailable",
        `${this.name} of lab ${this.lab} has ended; destroy the lab and make it again`,
      );
    }
    const path = `${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
    const settings = { PATH: path, HOME: "/run/home", LANG: "C.UTF-8", TERM: "dumb", ...env };
    return [
      ...joinCgroup(this.record.cgroupProcs),
      ...["nsenter", `--target=${this.holder.pid}`, "--mount", "--net", "--uts", "--wdns=/", "--"],
      ...(inside === undefined ? [] : ["nsenter", `--target=${inside}`, "--net", "--pid", "--"]),
      ...["env", "-i", ...Object.entries(settings).map(([name, value]) => `${name}=${value}`)],
    ];
  }
}

/** A shell that moves itself into the cgroup and becomes the program that follows: the pid stays the same. */
function joinCgroup(cgroupProcs: string): readonly string[] {
  return ["/bin/sh", "-c", `echo $$ > ${cgroupProcs} && exec "$@"`, "join"];
}

/** Makes a space of a lab. */
export async function createSpace(
  lab: { readonly name: string; readonly id: string },
  name: string,
  signal: AbortSignal,
): Promise<LabSpace> {
  signal.throwIfAborted();
  const folder = `${labFolder(lab.name)}/${name}`;
  const diskFolder = `${DISKS_FOLDER}/${lab.id}/${name}`;
  await Promise.all(
    [`${folder}/run/log`, `${folder}/process`, diskFolder].map((path) => mkdir(path, { recursive: true })),
  );
  // A leaf of its own: cgroup v2 wants no processes beside the containers' cgroups.
  const cgroupProcs = await createCgroup(`${CGROUP_PREFIX}${lab.id}/${name}/daemons`);
  const script = spaceScript({ name, runFolder: `${folder}/run`, diskFolder });
  const holder = await startHolder(joinCgroup(cgroupProcs), script, signal);
  const record: SpaceRecord = { name, holder, cgroupProcs };
  await writeFile(`${folder}/space.json`, JSON.stringify(record));
  return new LabSpace(lab.name, record);
}

/** The space of a lab that exists. @throws HoldfastError `not_found`. */
export async function openSpace(lab: string, name: string): Promise<LabSpace> {
  const text = await readFile(`${labFolder(lab)}/${name}/space.json`, "utf8").catch((cause: unknown) => {
    throw new HoldfastError(
      "not_found",
      `lab ${lab} has no ${name}; it has host-1, … as well as control, router and switch`,
      {
        cause,
      },
    );
  });
  return new LabSpace(lab, JSON.parse(text) as SpaceRecord);
}

/** Starts the process that holds the namespaces, and waits until the script has made them a space. */
async function startHolder(prefix: readonly string[], script: string, signal: AbortSignal): Promise<ProcessRef> {
  const unshare = ["unshare", "--mount", "--net", "--uts", "--propagation=private", "/bin/sh", "-c", script];
  const [file = "", ...rest] = [...prefix, ...unshare];
  const child = spawn(file, rest, { detached: true, stdio: ["ignore", "pipe", "inherit"] });
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  const onAbort = (): boolean => child.kill("SIGKILL");
  signal.addEventListener("abort", onAbort, { once: true });
  // The script's last step closes the pipe: the holder itself keeps none.
  await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.stdout.once("close", resolve);
  });
  signal.removeEventListener("abort", onAbort);
  signal.throwIfAborted();
  child.unref();
  const said = String(Buffer.concat(output)).trim();
  const holder = child.pid === undefined ? undefined : processRef(child.pid);
  if (holder === undefined || said !== "ready") {
    child.kill("SIGKILL");
    throw new HoldfastError(
      "unavailable",
      `cannot make the namespaces: ${said}; a lab needs root and these kernel features`,
    );
  }
  return holder;
}
