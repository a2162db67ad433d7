import { spawn } from "node:child_process";
import { once } from "node:events";
import { silentLogger } from "@holdfast/core";
import { type DatapathDriver, openKernelDriver } from "@holdfast/datapath";
import { asRemote, network, on, routed, wiring } from "@holdfast/datapath/testing";
import { percentile } from "../statistics.ts";
import { createPlace, openDriver, type Place, plug } from "./place.ts";

/** Bits per second of the line, with a buffer of 50 ms behind it as switches have. */
const LINE = 200e6;
/** What the driver is told: a bit less, so that what waits, waits where it can be put into order. */
const UPLINK = { link: "eth0", rate: 0.95 * LINE };
const GUARANTEE = 20e6;
const FLOWS = "8";
const PORT = 5201;
const FAR = "10.20.1.5";
const ADDRESSES = ["192.168.50.11", "192.168.50.12"] as const;

export interface NeighbourRound {
  /** Milliseconds, p99 of answers to a neighbour of the endpoint that sends all it can. */
  readonly idle: number;
  readonly starved: number;
  readonly guaranteed: number;
}

/** One container fills the uplink with TCP; its neighbour asks a far one, 500 times a second. */
export async function measureNeighbour(rounds: number, signal: AbortSignal): Promise<readonly NeighbourRound[]> {
  await using undo = new AsyncDisposableStack();
  const [machine, other] = [undo.use(await createPlace()), undo.use(await createPlace())];
  await machine.kernel.createVeth({ name: "eth0", peer: "cable", mtu: 1500, up: true });
  await machine.kernel.setLink("cable", { namespace: other.path });
  await other.kernel.setLink("cable", { name: "eth0", up: true });
  const line = ["rate", `${LINE}bit`, "burst", "16kb", "limit", String((LINE / 8) * 0.05)];
  await machine.exec("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", ...line);
  for (const [index, each] of [machine, other].entries()) {
    await each.kernel.replaceAddress({ link: "eth0", ...on(`${ADDRESSES[index]}/24`) });
  }
  const here = await openKernelDriver({ logger: silentLogger, namespace: machine.path, guaranteesOn: UPLINK, signal });
  undo.defer(() => here.close());
  const there = await openDriver(other);
  undo.defer(() => there.close());
  const [loud, neighbour, far] = [
    wiring("loud", "n7", ["10.20.0.5"]),
    wiring("neighbour", "n7", ["10.20.0.6"]),
    wiring("far", "n7", [FAR]),
  ];
  for (const driver of [here, there]) {
    driver.setNetwork(routed(network("n7", "vlan", 100, { prefixes: ["10.20.0.0/16"] })));
  }
  for (const each of [loud, neighbour]) there.setRemote(asRemote(each, ADDRESSES[0]));
  here.setRemote(asRemote(far, ADDRESSES[1]));
  await Promise.all([here.synced(signal), there.synced(signal)]);
  const target = undo.use(await plug(other, there, far));
  await target.serve(PORT, "iperf3", "-s");
  const asking = undo.use(await plug(machine, here, neighbour));
  const sending = undo.use(await plug(machine, here, loud));
  const found: NeighbourRound[] = [];
  for (let round = 0; round < rounds; round++) {
    await here.attach(neighbour, signal);
    const idle = await answers(asking);
    const starved = await whileSending(sending, () => answers(asking));
    await here.attach({ ...neighbour, qos: { guarantee: GUARANTEE } }, signal);
    await inForce(here, machine);
    found.push({ idle, starved, guaranteed: await whileSending(sending, () => answers(asking)) });
  }
  return found;
}

async function answers(from: Place): Promise<number> {
  const text = await from.exec("ping", "-n", "-c", "1000", "-i", "0.002", "-W", "1", FAR);
  return percentile(
    [...text.matchAll(/time=([\d.]+) ms/g)].map(([, time]) => Number(time)),
    0.99,
  );
}

async function whileSending<T>(from: Place, work: () => Promise<T>): Promise<T> {
  const iperf = ["iperf3", "-c", FAR, "-P", FLOWS, "-t", "20", "-i", "0.5", "--forceflush"];
  const inside = [`--net=${from.path}`, "--", "setpriv", "--pdeathsig", "KILL", ...iperf];
  const child = spawn("nsenter", inside, { stdio: ["ignore", "pipe", "ignore"] });
  try {
    // Its first report: by then it sends as fast as it goes.
    for await (const chunk of child.stdout) if (String(chunk).includes("SUM")) break;
    return await work();
  } finally {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }
}

async function inForce(driver: DatapathDriver, machine: Place): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if ((await machine.exec("nft", "list", "ruleset")).includes("10.20.0.6 : 4846:")) return;
    const [failed] = driver.status();
    if (failed?.error !== undefined) throw new TypeError(failed.error);
  }
  throw new TypeError("the guarantee is not in force");
}
