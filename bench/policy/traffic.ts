import type { Place } from "./place.ts";

const SECONDS = "1";
const IPERF_PORT = 5201;
const QPERF_PORT = 19_765;

export interface Sample {
  /** Gbit/s. */
  readonly bandwidth: number;
  /** Microseconds. */
  readonly roundTrip: number;
}

/** Lets a container answer. */
export async function answer(server: Place): Promise<void> {
  await server.serve(IPERF_PORT, "iperf3", "-s");
  await server.serve(QPERF_PORT, "qperf");
}

/** TCP from one container to another. */
export async function sample(client: Place, address: string): Promise<Sample> {
  const printed = await client.exec("iperf3", "-J", "-t", SECONDS, "-c", address);
  const { end } = JSON.parse(printed) as { end: { sum_received: { bits_per_second: number } } };
  const latency = await client.exec("qperf", "-t", SECONDS, "-un", "-m", "1", address, "tcp_lat");
  const found = /latency\s*=\s*([\d.,]+)\s*(ns|us|ms)/.exec(latency);
  const factor = { ns: 1e-3, us: 1, ms: 1e3 }[found?.[2] ?? ""] ?? Number.NaN;
  return {
    bandwidth: end.sum_received.bits_per_second / 1e9,
    roundTrip: 2 * Number(found?.[1]?.replaceAll(",", "")) * factor,
  };
}
