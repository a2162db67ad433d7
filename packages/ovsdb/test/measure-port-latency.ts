/**
 * How long a port takes from the call to its number, on a real switch with few and many ports; run as root:
 *
 *     node packages/ovsdb/test/measure-port-latency.ts [ports, default 300]
 */
import { setTimeout as delay } from "node:timers/promises";
import { silentLogger, systemClock } from "@holdfast/core";
import { connectOvsdb } from "../src/connect-ovsdb.ts";
import { createOpenVSwitch, type OpenVSwitch } from "../src/open-vswitch.ts";
import { OPEN_VSWITCH_MONITORS } from "../src/open-vswitch-rows.ts";
import type { OvsdbOperation } from "../src/ovsdb.ts";
import { type RunningOvs, startOvs } from "../src/testing/start-ovs.ts";

const SAMPLES = 30;
/** Between samples, so that the switch has done what the last one left behind (link events make it look at every port). */
const PAUSE_MS = 150;

const signal = AbortSignal.timeout(300_000);
const many = Number(process.argv[2] ?? 300);

await using running = await startOvs();
const client = await connectOvsdb(
  { logger: silentLogger, clock: systemClock },
  { path: running.socket, database: "Open_vSwitch", monitors: OPEN_VSWITCH_MONITORS, signal },
);
const ovs = createOpenVSwitch(client);
await commitAndWait(() => ovs.addBridge({ name: "br0", datapathType: "netdev", failMode: "secure" }));
await measure(ovs, running, "a");
const names = Array.from({ length: many }, (_, index) => `f${index}`);
await makeDevices(running, names);
const started = performance.now();
await commitAndWait(() => names.flatMap((name) => ovs.addPort({ bridge: "br0", name, tag: 100 })));
print(`${many} ports in one transaction, in force after ${(performance.now() - started).toFixed(0)} ms`);
await measure(ovs, running, "b");
await client.close();

async function measure(view: OpenVSwitch, { exec }: RunningOvs, prefix: string): Promise<void> {
  const ports = view.ports().size;
  const devices = Array.from({ length: SAMPLES }, (_, index) => `${prefix}${index}`);
  await makeDevices({ exec }, devices);
  const transaction: number[] = [];
  const ready: number[] = [];
  for (const name of devices) {
    await delay(PAUSE_MS);
    const begin = performance.now();
    const sequence = await ovs.commit(() => ovs.addPort({ bridge: "br0", name, tag: 100 }), signal);
    transaction.push(performance.now() - begin);
    await ovs.portReady(name, signal, sequence);
    ready.push(performance.now() - begin);
    await commitAndWait(() => ovs.deletePort(name));
  }
  const unchanged: number[] = [];
  for (const name of devices) {
    await delay(PAUSE_MS);
    const begin = performance.now();
    await commitAndWait(() => ovs.setExternalIds({ table: "Bridge", name: "br0", set: { sample: name } }));
    unchanged.push(performance.now() - begin);
  }
  const figures = Object.entries({ transaction, ready, "no port changed": unchanged });
  print(`with ${ports} ports: ${figures.map(([what, times]) => `${what} ${quantiles(times)}`).join(", ")}`);
}

async function makeDevices({ exec }: Pick<RunningOvs, "exec">, devices: readonly string[]): Promise<void> {
  for (const name of devices) await exec("ip", "link", "add", name, "type", "veth", "peer", "name", `p${name}`);
}

async function commitAndWait(build: () => readonly OvsdbOperation[]): Promise<void> {
  await ovs.configured(await ovs.commit(build, signal), signal);
}

function quantiles(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} p90 ${at(0.9)} ms`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
