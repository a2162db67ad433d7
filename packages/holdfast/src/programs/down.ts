import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { errorText, HoldfastError, silentLogger } from "@holdfast/core";
import { removeKernelDatapath, removeOvsDatapath } from "@holdfast/datapath";
import { removeInstallations } from "../cni/removal.ts";
import { endProcess } from "../processes/background.ts";
import { readPidFile } from "../processes/pid-file.ts";
import { LEAVE_SIGNAL } from "../processes/ready.ts";
import { agentArguments, recordedFlags } from "./agent-process.ts";
import { endEngine } from "./engine-process.ts";
import { machinePlaces, type Places, pidFileOf, switchSocket } from "./places.ts";
import { ensureProgram } from "./program-process.ts";
import { answers, endSwitch } from "./switch-process.ts";

export interface DownOptions {
  /** Forget every claim and alarm, too. */
  readonly purge: boolean;
  readonly print: (line: string) => void;
  readonly places?: Places;
}

const STOP_TIMEOUT = 15_000;
/** Containers are taken off their networks one by one. */
const LEAVE_TIMEOUT = 75_000;

/**
 * Ends the platform on this machine: the agent with its docker networks, the data path, the controller, and what was started for
 * them. Each step is done whatever became of the ones before it; doing it again is success.
 */
export async function down(options: DownOptions): Promise<void> {
  const { print, purge, places = machinePlaces } = options;
  if (process.getuid?.() !== 0)
    throw new HoldfastError("invalid_argument", "only root can remove networks; run: sudo make down");
  const failures: string[] = [];
  const step = async (name: string, work: () => Promise<string>): Promise<void> => {
    try {
      print(`  ${name.padEnd(16)} ${await work()}`);
    } catch (error) {
      failures.push(`${name}: ${errorText(error)}`);
      print(`  ${name.padEnd(16)} failed: ${errorText(error)}`);
    }
  };
  await step("CNI plugin", () => removeInstallations(places.cniConfigs, Date.now()));
  await step("agent", () => agentLeaves(places));
  await step("data path", () => removeDatapath(places));
  await step("collector", () => ended(places, "collector"));
  await step("controller", () => ended(places, "controller"));
  await step("Docker", async () => ((await endEngine(places)) ? "ended" : ofTheMachine(places.engineSocket)));
  await step("Open vSwitch", async () => ((await endSwitch(places)) ? "ended" : ofTheMachine(switchSocket(places))));
  for (const folder of [places.run, places.log, join(places.state, "agent")])
    rmSync(folder, { recursive: true, force: true });
  // What traffic there was is of no use to a machine that is something else by now.
  for (const file of ["flows.db", "flows.db.wal"]) rmSync(join(places.state, file), { force: true });
  if (purge) rmSync(places.state, { recursive: true, force: true });
  print(
    purge
      ? "The address book and alarms are gone, too."
      : `The address book and alarms stay in ${places.state}; remove it with: bin/holdfast down --purge`,
  );
  if (failures.length > 0)
    throw new HoldfastError("internal", `not everything could be removed: ${failures.join("; ")}`);
}

/**
 * Only a running agent can remove docker networks, for dockerd asks it about each. One that has died is started again for that, when
 * there is a Docker that may still have some.
 */
async function agentLeaves(places: Places): Promise<string> {
  const wasThere = readPidFile(pidFileOf(places, "agent")) !== undefined;
  const state = join(places.state, "agent");
  if (!wasThere && (!existsSync(state) || !(await answers(places.engineSocket)))) return "did not run";
  if (!wasThere) await ensureProgram(places, "agent", agentArguments(recordedFlags(places)));
  await endProcess(pidFileOf(places, "agent"), LEAVE_TIMEOUT, LEAVE_SIGNAL);
  return wasThere ? "ended, docker networks removed" : "had died; docker networks removed";
}

async function ended(places: Places, name: string): Promise<string> {
  return (await endProcess(pidFileOf(places, name), STOP_TIMEOUT)) ? "ended" : "did not run";
}

async function ofTheMachine(socket: string): Promise<string> {
  return (await answers(socket)) ? "the machine's own stays" : "did not run";
}

/** Of the kernel first: what the switch's removal finds of links is then its own. */
async function removeDatapath(places: Places): Promise<string> {
  const signal = AbortSignal.timeout(30_000);
  const { links, routes } = await removeKernelDatapath({ signal });
  const removed = [...links, ...(routes.length === 0 ? [] : [`${routes.length} routes`])];
  const hasSwitch = await answers(switchSocket(places));
  if (hasSwitch) {
    const ovs = await removeOvsDatapath({ runDirectory: places.switchRun, logger: silentLogger, signal });
    removed.push(...ovs.bridges, ...ovs.links);
  }
  if (removed.length > 0) return `removed ${removed.join(", ")}`;
  return hasSwitch ? "nothing was there" : "nothing was there, and no Open vSwitch runs";
}
