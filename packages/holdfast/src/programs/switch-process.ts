import { execFile } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { errorText, HoldfastError } from "@holdfast/core";
import { endProcess } from "../processes/background.ts";
import { readPidFile } from "../processes/pid-file.ts";
import { logFileOf, type Places, switchSocket } from "./places.ts";

const run = promisify(execFile);
const SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";

/** Whether something listens on a unix socket. */
export function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.once("connect", () => resolve(true));
    connection.once("error", () => resolve(false));
    connection.once("connect", () => connection.destroy());
  });
}

/** Uses the Open vSwitch that runs on the machine, or starts one of our own. Says which, in words for people. */
export async function ensureSwitch(places: Places): Promise<string> {
  const socket = switchSocket(places);
  const alive = await answers(socket);
  if (alive && !existsSync(switchPidFile(places, "ovsdb-server"))) return "the machine's own is used";
  if (alive && readPidFile(switchPidFile(places, "ovs-vswitchd")) !== undefined) return "runs already";
  for (const folder of [places.switchRun, places.switchState, places.log]) mkdirSync(folder, { recursive: true });
  try {
    if (!alive) await startDatabase(places, socket);
    await startForwarder(places, socket);
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? `there is no ${path}; install what is missing: make setup` : errorText(error);
    throw new HoldfastError("unavailable", `Open vSwitch does not start: ${reason}`, { cause: error });
  }
  return "started";
}

async function startDatabase(places: Places, socket: string): Promise<void> {
  const database = join(places.switchState, "conf.db");
  if (!existsSync(database)) await run("ovsdb-tool", ["create", database, SCHEMA]);
  rmSync(socket, { force: true });
  await run(
    "ovsdb-server",
    [
      database,
      `--remote=punix:${socket}`,
      `--unixctl=${join(places.run, "ovsdb-server.ctl")}`,
      `--pidfile=${switchPidFile(places, "ovsdb-server")}`,
      `--log-file=${logFileOf(places, "ovsdb-server")}`,
      "--no-chdir",
      "--detach",
    ],
    { env: environmentOf(places) },
  );
  await run("ovs-vsctl", [`--db=unix:${socket}`, "--no-wait", "init"]);
}

async function startForwarder(places: Places, socket: string): Promise<void> {
  const pidFile = switchPidFile(places, "ovs-vswitchd");
  if (readPidFile(pidFile) !== undefined) return;
  await run(
    "ovs-vswitchd",
    [
      `unix:${socket}`,
      // Where agents look for it.
      `--unixctl=${forwarderControl(places)}`,
      `--pidfile=${pidFile}`,
      `--log-file=${logFileOf(places, "ovs-vswitchd")}`,
      "--no-chdir",
      "--detach",
    ],
    { env: environmentOf(places) },
  );
}

/** Ends what {@link ensureSwitch} started; an Open vSwitch of the machine's own goes on. Gives whether ours ran. */
export async function endSwitch(places: Places): Promise<boolean> {
  await endProcess(switchPidFile(places, "ovs-vswitchd"), 10_000);
  const ended = await endProcess(switchPidFile(places, "ovsdb-server"), 10_000);
  if (ended) for (const socket of [switchSocket(places), forwarderControl(places)]) rmSync(socket, { force: true });
  rmSync(places.switchState, { recursive: true, force: true });
  return ended;
}

function switchPidFile(places: Places, name: string): string {
  return join(places.run, `${name}.pid`);
}

function forwarderControl(places: Places): string {
  return join(places.switchRun, "ovs-vswitchd.ctl");
}

function environmentOf(places: Places): NodeJS.ProcessEnv {
  return { ...process.env, OVS_RUNDIR: places.switchRun, OVS_LOGDIR: places.log, OVS_DBDIR: places.switchState };
}
