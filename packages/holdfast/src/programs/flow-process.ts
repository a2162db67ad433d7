import { agentOptions } from "@holdfast/agent/config";
import { collectorOptions } from "@holdfast/collector/config";
import { controllerOptions } from "@holdfast/controller/config";
import { errorText, HoldfastError } from "@holdfast/core";
import { endProcess } from "../processes/background.ts";
import { readSettings } from "../settings.ts";
import type { AgentFlags } from "./agent-process.ts";
import { type Places, pidFileOf } from "./places.ts";
import { ensureProgram } from "./program-process.ts";

const HERE = "127.0.0.1";
const SFLOW_PORT = 6343;
/** Enough that few containers are seen soon, and no more than a machine does not notice. */
const SAMPLING = "64";
const STOP_TIMEOUT = 15_000;

/** How the platform on this machine was asked to be: options of the agent, and `flows`. */
export interface PlatformFlags extends AgentFlags {
  /** `off`: without sFlow and a collector. Absent: with them, where there is an Open vSwitch. */
  readonly flows?: string;
}

/** @throws HoldfastError `invalid_argument` when `flows` is neither `on` nor `off` */
export function hasFlows({ flows = "on", datapath }: PlatformFlags): boolean {
  if (flows !== "on" && flows !== "off")
    throw new HoldfastError("invalid_argument", `--flows is ${JSON.stringify(flows)}; it is on or off`);
  return flows === "on" && datapath !== "kernel";
}

/** What the agent is started with so that this machine's collector hears its switch. Where somebody has said where sFlow goes, it goes there. */
export function agentFlagsOf({ flows, ...own }: PlatformFlags): AgentFlags {
  if (!hasFlows({ ...own, ...(flows === undefined ? {} : { flows }) })) return own;
  const agent = readSettings("agent", agentOptions, own);
  const { sflowTargets } = readSettings("controller", controllerOptions, {});
  if (agent.sflowTargets !== undefined || sflowTargets.length > 0) return own;
  return {
    ...own,
    sflowTargets: `${HERE}:${SFLOW_PORT}`,
    ...(agent.sflowSampling === undefined ? { sflowSampling: SAMPLING } : {}),
    // A machine without any address of its own has flows, too.
    ...(agent.sflowAgent === undefined ? { sflowAgent: HERE } : {}),
  };
}

/** Starts the collector, or ends it where it is not wanted. @throws HoldfastError `unavailable` when it does not start */
export async function ensureCollector(places: Places, flags: PlatformFlags): Promise<string> {
  if (!hasFlows(flags)) {
    const ended = await endProcess(pidFileOf(places, "collector"), STOP_TIMEOUT);
    return ended ? "ended" : flags.flows === "off" ? "not wanted" : "not needed";
  }
  const { listen } = readSettings("collector", collectorOptions, {});
  // Nobody else is to send anything: until somebody says so, it is this machine's alone.
  const isSaid = listen.host !== "0.0.0.0" || listen.port !== SFLOW_PORT;
  try {
    return await ensureProgram(places, "collector", isSaid ? [] : ["--listen", `${HERE}:${SFLOW_PORT}`]);
  } catch (error) {
    const remedy = "networks work without it; to go on without: holdfast up --flows off";
    throw new HoldfastError("unavailable", `${errorText(error)}\n${remedy}`, { cause: error });
  }
}
