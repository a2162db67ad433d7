import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { assert, errorText, HoldfastError } from "@holdfast/core";
import { register, sweep } from "./owned-leftovers.ts";

const SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";
const START_TIMEOUT_MS = 20_000;
const run = promisify(execFile);

export interface StartOvsOptions {
  /**
   * Folder for database, sockets, pid files and logs; created when missing and deleted by `stop`. At most 80 characters, because
   * a socket path has at most 107. Absent: a new one under the system's folder for temporary files.
   */
  readonly rundir?: string;
  /** Name of an existing network namespace (`ip netns`) or path of one. Absent: a new, empty one, deleted by `stop`. */
  readonly namespace?: string;
}

/** A running ovsdb-server and ovs-vswitchd with folders, database and network namespace of their own. */
export interface RunningOvs extends AsyncDisposable {
  readonly rundir: string;
  /** Where the ports' devices must be: a name under `/run/netns`, or the path that was given. */
  readonly namespace: string;
  /** The database's socket. */
  readonly socket: string;
  /** The OpenFlow socket of a bridge. */
  managementSocket(bridge: string): string;
  /** Runs `ovs-vsctl`, `ovs-ofctl`, `ovs-appctl`, `ip`, … in the namespace and against these daemons; gives what it printed. */
  exec(command: string, ...args: string[]): Promise<string>;
  /** Kills ovs-vswitchd (SIGKILL) or ends it, and starts it again; resolves when it has taken over the configuration. */
  restartSwitch(how: "kill" | "terminate"): Promise<void>;
  /** The same for ovsdb-server; resolves when its socket takes connections again. */
  restartDatabase(how: "kill" | "terminate"): Promise<void>;
  /** Ends both daemons and removes all that was made. Safe to repeat. */
  stop(): Promise<void>;
}

/**
 * Starts Open vSwitch for a test. Use bridges with `datapath_type=netdev`: no kernel module is needed.
 *
 * The daemons die with this process (parent-death signal); folders and namespaces of killed test runs are removed here.
 *
 * @throws HoldfastError `unavailable` with the daemon's last log lines when it does not come up.
 */
export async function startOvs(options: StartOvsOptions = {}): Promise<RunningOvs> {
  sweep();
  const rundir = options.rundir ?? join(tmpdir(), `hf-ovs-${process.pid}-${randomBytes(3).toString("hex")}`);
  assert(rundir.length <= 80, "the path of an Open vSwitch run folder has at most 80 characters");
  const ours = options.namespace === undefined;
  const namespace = options.namespace ?? `hfovs-${process.pid}-${rundir.slice(-6)}`;
  const removeBelongings = register(rundir.replaceAll("/", "_"), ours ? { rundir, namespace } : { rundir });
  try {
    mkdirSync(rundir, { recursive: true });
    if (ours) makeNamespace(namespace);
    return await startDaemons({ rundir, namespace, removeBelongings });
  } catch (error) {
    removeBelongings();
    throw error;
  }
}

function makeNamespace(name: string): void {
  execFileSync("ip", ["netns", "add", name]);
  execFileSync("ip", ["-n", name, "link", "set", "lo", "up"]);
}

interface Place {
  readonly rundir: string;
  readonly namespace: string;
  readonly removeBelongings: () => void;
}

async function startDaemons({ rundir, namespace, removeBelongings }: Place): Promise<RunningOvs> {
  const socket = join(rundir, "db.sock");
  const env = {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    OVS_RUNDIR: rundir,
    OVS_LOGDIR: rundir,
    OVS_DBDIR: rundir,
    OVS_SYSCONFDIR: rundir,
  };
  const enter = [`--net=${namespace.startsWith("/") ? namespace : join("/run/netns", namespace)}`, "--"];
  const start = (program: string, args: readonly string[]): Daemon =>
    startDaemon({ program, args, rundir, enter, env });
  const exec = async (command: string, ...args: string[]): Promise<string> =>
    (await run("nsenter", [...enter, command, ...args], { env, maxBuffer: 2 ** 28 })).stdout;

  const startDatabase = async (): Promise<Daemon> => {
    // The control socket is made once the database's takes connections, which that does not yet when it is there. One that a killed server left
    // would look like a server that is up.
    const control = join(rundir, "ovsdb-server.ctl");
    rmSync(control, { force: true });
    const daemon = start("ovsdb-server", [join(rundir, "conf.db"), `--remote=punix:${socket}`]);
    await daemon.until(() => (existsSync(control) ? exec("ovsdb-client", "list-dbs", `unix:${socket}`) : undefined));
    return daemon;
  };
  const startSwitch = async (): Promise<Daemon> => {
    const daemon = start("ovs-vswitchd", [`unix:${socket}`]);
    // `init` counts next_cfg up and returns once the switch has followed.
    await daemon.until(() => exec("ovs-vsctl", "--timeout=15", "init"));
    return daemon;
  };

  await exec("ovsdb-tool", "create", join(rundir, "conf.db"), SCHEMA);
  let database = await startDatabase();
  let vswitch = await startSwitch().catch(async (error: unknown) => {
    await database.end("SIGKILL");
    throw error;
  });
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await vswitch.end("SIGTERM");
    await database.end("SIGTERM");
    removeBelongings();
  };
  return {
    rundir,
    namespace,
    socket,
    exec,
    managementSocket: (bridge) => join(rundir, `${bridge}.mgmt`),
    async restartSwitch(how) {
      await vswitch.end(how === "kill" ? "SIGKILL" : "SIGTERM");
      vswitch = await startSwitch();
    },
    async restartDatabase(how) {
      await database.end(how === "kill" ? "SIGKILL" : "SIGTERM");
      database = await startDatabase();
    },
    stop: () => (stopped ??= stop()),
    [Symbol.asyncDispose]: () => (stopped ??= stop()),
  };
}

interface Daemon {
  /** Runs the probe now and whenever the run folder changes until it gives a promise, which must succeed while the daemon lives. */
  until(probe: () => Promise<unknown> | undefined): Promise<void>;
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}

interface DaemonOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly rundir: string;
  readonly enter: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

function startDaemon({ program, args, rundir, enter, env }: DaemonOptions): Daemon {
  const log = join(rundir, `${program}.log`);
  const files = [`--pidfile=${join(rundir, `${program}.pid`)}`, `--log-file=${log}`];
  const options = [...files, `--unixctl=${join(rundir, `${program}.ctl`)}`, "-vconsole:off", "-vsyslog:off"];
  const child = spawn("nsenter", [...enter, "setpriv", "--pdeathsig", "KILL", program, ...args, ...options], {
    env,
    stdio: "ignore",
  });
  const exited = once(child, "exit");
  return {
    async until(probe) {
      const signal = AbortSignal.timeout(START_TIMEOUT_MS);
      const early = exited.then(() => {
        throw new HoldfastError("unavailable", `${program} ended at once`);
      });
      try {
        await Promise.race([early, untilFolder(rundir, probe, signal)]);
      } catch (error) {
        child.kill("SIGKILL");
        throw new HoldfastError("unavailable", `${program} did not start: ${errorText(error)}\n${tail(log)}`);
      }
    },
    async end(signal) {
      await endChild(child, exited, signal);
    },
  };
}

/** A daemon that does not end within five seconds of SIGTERM is killed. */
async function endChild(child: ChildProcess, exited: Promise<unknown>, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  const killer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await exited;
  clearTimeout(killer);
}

async function untilFolder(
  folder: string,
  probe: () => Promise<unknown> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const changes = watch(folder);
  try {
    for (;;) {
      const changed = once(changes, "change", { signal });
      const answer = probe();
      if (answer !== undefined) {
        changed.catch(() => undefined);
        await answer;
        return;
      }
      await changed;
    }
  } finally {
    changes.close();
  }
}

function tail(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(-8).join("\n") : "(no log)";
}
