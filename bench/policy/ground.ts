import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { silentLogger } from "@holdfast/core";
import { type DatapathDriver, type EndpointWiring, openOvsDriver, type PolicyDatapath } from "@holdfast/datapath";
import { network, routed } from "@holdfast/datapath/testing";
import { startOvs } from "@holdfast/ovsdb/testing";
import { createPlace, enclose, openDriver, type Place, plug } from "./place.ts";
import type { Portion } from "./traffic.ts";

/** A machine with a data path that enforces policies, and one network, `n7`. */
export interface Ground extends AsyncDisposable {
  readonly machine: Place;
  readonly driver: DatapathDriver;
  readonly policy: PolicyDatapath;
  /** How much TCP is one sample. */
  readonly portion: Portion;
  /** What a runtime does with an endpoint's interface, once it is attached. */
  plug(endpoint: EndpointWiring): Promise<Place>;
}

/** Processors of a switch in user space, of the thread that forwards and of the others: the ends of the traffic have the rest. */
const FORWARDING = "3";
const OTHERS = "0";
/** Of some tenths of a second. */
const PORTIONS = {
  kernel: { bytes: 1e9 },
  /** With a window that the sockets between switch and containers can hold: else what is measured is how much they lose. */
  ovs: { bytes: 30e6, window: "64K" },
} as const;
const NETWORK = network("n7", "vlan", 100, { prefixes: ["10.20.0.0/16"] });
const START = 20_000;

export async function kernelGround(): Promise<Ground> {
  await using undo = new AsyncDisposableStack();
  const machine = undo.use(await createPlace());
  const driver = await openDriver(machine);
  undo.defer(() => driver.close());
  driver.setNetwork(routed(NETWORK));
  return groundOf(
    { machine, driver, portion: PORTIONS.kernel, plug: (endpoint) => plug(machine, driver, endpoint) },
    undo,
  );
}

/** Open vSwitch in user space, with an uplink into nothing. */
export async function ovsGround(): Promise<Ground> {
  await using undo = new AsyncDisposableStack();
  const machine = undo.use(await createPlace());
  const { rundir } = undo.use(await startOvs({ namespace: machine.path }));
  const switchProcess = (await readFile(join(rundir, "ovs-vswitchd.pid"), "utf8")).trim();
  await machine.exec("taskset", "--all-tasks", "--cpu-list", "--pid", OTHERS, switchProcess);
  await machine.exec("taskset", "--cpu-list", "--pid", FORWARDING, switchProcess);
  await machine.kernel.createVeth({ name: "eth1", peer: "eth1x", mtu: 9100 });
  const driver = await openOvsDriver({
    node: "node-1",
    uplink: "eth1",
    datapathType: "netdev",
    runDirectory: rundir,
    logger: silentLogger,
    namespace: machine.path,
    signal: AbortSignal.timeout(START),
  });
  undo.defer(() => driver.close());
  driver.setNetwork(NETWORK);
  const attached = async (endpoint: EndpointWiring): Promise<Place> => {
    const { containerInterface } = await driver.attach(endpoint, AbortSignal.timeout(START));
    return await enclose(machine, containerInterface, endpoint.addresses, 16);
  };
  return groundOf({ machine, driver, portion: PORTIONS.ovs, plug: attached }, undo);
}

function groundOf(parts: Omit<Ground, "policy" | typeof Symbol.asyncDispose>, undo: AsyncDisposableStack): Ground {
  const { policy } = parts.driver;
  if (policy === undefined) throw new TypeError("the driver enforces no policy");
  const moved = undo.move();
  return { ...parts, policy, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}
