import type { LabHost } from "@holdfast/lab";
import { percentile } from "../statistics.ts";
import type { BenchPlugin } from "./caller.ts";
import { type BenchPlace, rested } from "./in-turn.ts";

export interface Traffic {
  /** Gbit/s of the first plugin. */
  readonly bandwidth: number;
  readonly bandwidthRatio: number;
  /** Microseconds of the first plugin. */
  readonly roundTrip: number;
  readonly roundTripRatio: number;
}

const ROUNDS = 9;
const SECONDS = "2";
/** Each end on a processor of its own: where the scheduler puts them decides more than which plugin made the link. */
const SERVER = "taskset -c 1";
const CLIENT = "taskset -c 0";

/** TCP between two containers of a host, with one plugin and the other in turn. */
export async function measureTraffic(place: BenchPlace, plugin: BenchPlugin, other: BenchPlugin): Promise<Traffic> {
  const { host, caller, signal } = place;
  const pairs = [plugin, other].map((each) => ({ ...each, name: `${each.name}-traffic` }));
  for (const pair of pairs) {
    await caller.makeContainers(pair, 2);
    await caller.call(pair, "ADD", { count: 2 });
  }
  await rested(host, signal);
  const rounds: { bandwidth: number; roundTrip: number }[][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const both: { bandwidth: number; roundTrip: number }[] = [];
    // The other one is first in every second round: what a machine gets quicker or slower by meanwhile is nobody's.
    for (const place of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const { name = "" } = pairs[place] ?? {};
      both[place] = { bandwidth: await bandwidth(host, name, signal), roundTrip: await roundTrip(host, name, signal) };
    }
    rounds.push(both);
  }
  for (const pair of pairs) await caller.call(pair, "DEL", { count: 2 });
  const median = (of: (round: (typeof rounds)[number]) => number): number => percentile(rounds.map(of), 0.5);
  return {
    bandwidth: median(([mine]) => mine?.bandwidth ?? Number.NaN),
    bandwidthRatio: median(([mine, theirs]) => (mine?.bandwidth ?? Number.NaN) / (theirs?.bandwidth ?? Number.NaN)),
    roundTrip: median(([mine]) => mine?.roundTrip ?? Number.NaN),
    roundTripRatio: median(([mine, theirs]) => (mine?.roundTrip ?? Number.NaN) / (theirs?.roundTrip ?? Number.NaN)),
  };
}

/** Gbit/s. */
async function bandwidth(host: LabHost, name: string, signal: AbortSignal): Promise<number> {
  // A machine's own choice may be BBR, which paces: then its timers are what is measured.
  const client = (address: string) => `iperf3 -J -C cubic -t ${SECONDS} -c ${address}`;
  const printed = await withServer(host, name, { server: "iperf3 -s -1", port: 5201, client }, signal);
  const { end } = JSON.parse(printed) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e9;
}

/** Microseconds: qperf says how long one way takes. */
async function roundTrip(host: LabHost, name: string, signal: AbortSignal): Promise<number> {
  const client = (address: string) => `qperf -t ${SECONDS} -un -m 1 ${address} tcp_lat`;
  const printed = await withServer(host, name, { server: "qperf", port: 19_765, client }, signal);
  const found = /latency\s*=\s*([\d.,]+)\s*(ns|us|ms)/.exec(printed);
  const factor = { ns: 1e-3, us: 1, ms: 1e3 }[found?.[2] ?? ""] ?? Number.NaN;
  return 2 * Number(found?.[1]?.replaceAll(",", "")) * factor;
}

/** Runs a server in the first container and a client in the second, which is given the first one's address. */
async function withServer(
  host: LabHost,
  name: string,
  {
    server,
    port,
    client,
  }: { readonly server: string; readonly port: number; readonly client: (address: string) => string },
  signal: AbortSignal,
): Promise<string> {
  const hexadecimal = port.toString(16).toUpperCase().padStart(4, "0");
  const script = `
    address=$(ip -n ${name}-0 -o -4 address show dev eth0 | sed 's/.* inet \\([0-9.]*\\).*/\\1/')
    ip netns exec ${name}-0 ${SERVER} ${server} >/dev/null 2>&1 & server=$!
    until ip netns exec ${name}-0 grep -q ':${hexadecimal} .* 0A ' /proc/net/tcp /proc/net/tcp6; do :; done
    ip netns exec ${name}-1 ${CLIENT} ${client('"$address"')}
    code=$?
    kill $server 2>/dev/null
    wait $server
    exit $code`;
  return (await host.exec(["sh", "-c", script], { signal })).stdout;
}
