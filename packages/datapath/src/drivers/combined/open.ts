import { connect } from "node:net";
import { HoldfastError } from "@holdfast/core";
import type { DatapathDriver } from "../../driver.ts";
import { machineKernel, machineNetfilter } from "../../machine/machine-kernel.ts";
import { withCleanup } from "../../machine/with-cleanup.ts";
import type { Uplink } from "../../qos/guarantee-table.ts";
import { UplinkShare } from "../../qos/uplink-share.ts";
import { openKernelDriver } from "../kernel/open.ts";
import { type OpenOvsOptions, openOvsDriver } from "../ovs/open.ts";
import { LateDriver } from "./late-driver.ts";
import { MachineDriver } from "./machine-driver.ts";

/** What a machine carries packets with: its kernel alone, Open vSwitch alone, both, or its kernel and Open vSwitch once a network needs it. */
export type Datapath = "auto" | "ovs" | "kernel" | "both";

export interface OpenMachineOptions extends OpenOvsOptions {
  readonly datapath: Datapath;
  /** Whether an earlier run has left endpoints on the switch: then it has to be there. */
  readonly switchInUse: boolean;
  /** Where packets leave the machine, and what that carries. Absent: no guarantee can be kept. */
  readonly guaranteesOn?: Uplink | undefined;
}

/** Milliseconds in which an Open vSwitch that listens must answer. */
const ANSWER_LIMIT = 10_000;

/** All that carries packets on this machine, each network by its kind. @throws HoldfastError when what must be there is not. */
export async function openMachineDriver(asked: OpenMachineOptions): Promise<DatapathDriver> {
  const { guaranteesOn } = asked;
  const options = { ...asked, ...(guaranteesOn && { guaranteesOn: { ...guaranteesOn, share: new UplinkShare() } }) };
  await using undo = new AsyncDisposableStack();
  const kernel = await machineKernel(options, undo);
  const netfilter = await machineNetfilter(options, undo);
  const switched = await openSwitched({ ...options, kernel, netfilter });
  try {
    const routed = await openRouted({ ...options, kernel, netfilter });
    const opened = undo.move();
    return withCleanup(new MachineDriver({ routed, switched }), () => opened.disposeAsync());
  } catch (error) {
    await switched.close();
    throw error;
  }
}

async function openRouted(options: OpenMachineOptions): Promise<DatapathDriver> {
  const { datapath, uplink } = options;
  if (datapath === "ovs") return new LateDriver(async () => refuseRouted());
  return await openKernelDriver({ ...options, localNetworks: uplink === undefined && datapath !== "kernel" });
}

/** Of networks that are not routed. */
export async function openSwitched(options: OpenMachineOptions): Promise<DatapathDriver> {
  const { datapath, switchInUse } = options;
  const socket = `${options.runDirectory}/db.sock`;
  if (datapath === "kernel") return new LateDriver(async () => refuseSwitched());
  if (datapath !== "auto" || switchInUse || (await listens(socket))) return await openOvsDriver(options);
  return new LateDriver(async () => {
    if (!(await listens(socket))) throw noSwitch(socket);
    return await openOvsDriver({ ...options, signal: AbortSignal.timeout(ANSWER_LIMIT) });
  });
}

/** The socket of a database that was killed stays. */
function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(path);
    connection.once("error", () => resolve(false));
    connection.once("connect", () => {
      connection.destroy();
      resolve(true);
    });
  });
}

function noSwitch(socket: string): HoldfastError {
  const text = `VLAN and VXLAN networks need Open vSwitch, and nobody listens at ${socket}; start it, or use a network of kind routed`;
  return new HoldfastError("unavailable", text);
}

function refuseSwitched(): never {
  const text =
    "this machine carries routed networks only (agent --datapath kernel); start its agent with --datapath auto";
  throw new HoldfastError("unavailable", text);
}

function refuseRouted(): never {
  const text = "this machine carries no routed networks (agent --datapath ovs); start its agent with --datapath auto";
  throw new HoldfastError("unavailable", text);
}
