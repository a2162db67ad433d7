import { type ChildProcess, spawn } from "node:child_process";
import { readdir, readFile, rmdir } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

const PREFIX = "holdfast-docker-test-";

/** What a program left behind. */
export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Namespaces for one dockerd: network (no way out), mounts (own `/run`, `/etc`, `/var/lib/docker`), processes. The kernel ends everything
 * inside when the process that made them ends, however it ends.
 */
export interface DockerSpace extends AsyncDisposable {
  /** The words before a program that bring it in. */
  readonly prefix: readonly string[];
  /** Runs a program to its end; throws when its exit code is not 0. */
  run(...argv: string[]): Promise<string>;
  tryRun(...argv: string[]): Promise<Output>;
  /** `docker …` of the machine's own package; gives its trimmed output. */
  docker(...args: string[]): Promise<string>;
  /** Starts dockerd and waits until it serves. */
  startDockerd(): Promise<void>;
  /** `kill -9`; waits until it has ended. Containers keep running. */
  killDockerd(): Promise<void>;
  /** What dockerd wrote. */
  log(): string;
}

const SCRIPT = `set -eu
exec 2>&1
mount -t tmpfs holdfast-test /run
mkdir -p /run/docker/plugins /run/etc/upper /run/etc/work /run/data /run/home
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work /etc
rm -f /etc/docker/daemon.json
mkdir /run/cgroup
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --move /run/cgroup /sys/fs/cgroup
ip link set lo up
echo ready
# The first process must reap orphans: dockerd takes a containerd that died with it for alive while it is a zombie.
exec </dev/null >/dev/null 2>&1
sleep infinity & wait
`;

/** Makes the namespaces. What earlier test runs left when they were killed is removed first. */
export async function createDockerSpace(): Promise<DockerSpace> {
  await sweep();
  const name = `${PREFIX}${process.pid}`;
  const holder = spawn(
    "setpriv",
    [
      "--pdeathsig",
      "KILL",
      "unshare",
      "--mount",
      "--net",
      "--uts",
      "--pid",
      "--fork",
      "--kill-child",
      "--mount-proc",
    ].concat(["--propagation=private", "/bin/sh", "-c", SCRIPT]),
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await firstLine(holder, /^ready$/m);
  const children = await readFile(`/proc/${holder.pid}/task/${holder.pid}/children`, "utf8");
  const prefix = ["nsenter", "--target", children.trim(), "--mount", "--net", "--uts", "--pid", "--wdns=/", "--"];
  let dockerd: ChildProcess | undefined;
  let written = "";

  const tryRun = (...argv: string[]): Promise<Output> => runToEnd([...prefix, ...argv]);
  const run = async (...argv: string[]): Promise<string> => {
    const { code, stdout, stderr } = await tryRun(...argv);
    if (code !== 0) throw new Error(`exit code ${code} of ${argv.join(" ")}: ${stderr || stdout}`);
    return stdout.trim();
  };

  return {
    prefix,
    run,
    tryRun,
    docker: (...args) => run("/usr/bin/docker", ...args),
    log: () => written,
    async startDockerd() {
      const options = [
        "--data-root=/run/data",
        "--exec-root=/run/docker",
        "--pidfile=/run/docker.pid",
        "--host=unix:///run/docker.sock",
      ];
      const quiet = [
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        "--ip-forward=false",
        `--cgroup-parent=/${name}`,
      ];
      const clean = ["env", "-i", `PATH=${process.env.PATH}`, "HOME=/run/home"];
      const [file = "", ...rest] = [...prefix, ...clean, "dockerd", ...options, ...quiet];
      dockerd = spawn(file, rest, { stdio: ["ignore", "pipe", "pipe"] });
      const collect = (chunk: Buffer): void => {
        written += String(chunk);
      };
      dockerd.stdout?.on("data", collect);
      dockerd.stderr?.on("data", collect);
      await until(
        async () => (await tryRun("/usr/bin/docker", "version")).code === 0,
        20_000,
        () => written.slice(-2000),
      );
    },
    async killDockerd() {
      await run("sh", "-c", "kill -9 $(cat /run/docker.pid)");
      await new Promise((resolve) =>
        dockerd?.exitCode === null && dockerd.signalCode === null ? dockerd.once("exit", resolve) : resolve(0),
      );
    },
    async [Symbol.asyncDispose]() {
      holder.kill("SIGKILL");
      await new Promise((resolve) => holder.once("exit", resolve));
      await removeCgroups(name);
    },
  };
}

/** Waits for a condition that no event tells of. */
export async function until(
  condition: () => Promise<boolean>,
  milliseconds = 15_000,
  explain: () => string | Promise<string> = () => "",
): Promise<void> {
  for (const deadline = performance.now() + milliseconds; ; await pause(50)) {
    if (await condition()) return;
    if (performance.now() > deadline)
      throw new Error(`not so after ${milliseconds} ms: ${String(condition)} ${await explain()}`);
  }
}

/** The kernel has ended their processes; what is left are folders of cgroups. */
async function sweep(): Promise<void> {
  for (const name of await cgroupNames()) {
    const pid = Number(name.slice(PREFIX.length));
    if (
      !(await readFile(`/proc/${pid}/stat`).then(
        () => true,
        () => false,
      ))
    )
      await removeCgroups(name);
  }
}

async function cgroupNames(): Promise<ReadonlySet<string>> {
  const names = await Promise.all((await hierarchies()).map((path) => readdir(path)));
  return new Set(names.flat().filter((name) => name.startsWith(PREFIX)));
}

async function hierarchies(): Promise<readonly string[]> {
  const mounts = await readFile("/proc/self/mounts", "utf8");
  return mounts.split("\n").flatMap((line) => {
    const [, path = "", type = ""] = line.split(" ");
    return type.startsWith("cgroup") ? [path] : [];
  });
}

async function removeCgroups(name: string): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const folder = `${hierarchy}/${name}`;
    const children = await readdir(folder, { withFileTypes: true }).catch(() => []);
    const folders = [
      ...children.filter((entry) => entry.isDirectory()).map((entry) => `${folder}/${entry.name}`),
      folder,
    ];
    for (const path of folders) await until(async () => await removed(path), 5_000);
  }
}

/** A cgroup whose last process has just been killed is busy for a moment. */
async function removed(path: string): Promise<boolean> {
  return await rmdir(path).then(
    () => true,
    (error: unknown) => error instanceof Error && "code" in error && error.code === "ENOENT",
  );
}

async function firstLine(child: ChildProcess, pattern: RegExp): Promise<void> {
  let output = "";
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      output += String(chunk);
      if (pattern.test(output)) resolve();
    });
    child.once("exit", () => reject(new Error(`the namespaces cannot be made: ${output}`)));
  });
}

export function runToEnd(argv: readonly string[]): Promise<Output> {
  const [file = "", ...rest] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, rest, { stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += String(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += String(chunk);
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}
