import type { DatapathDriver, EndpointWiring } from "@holdfast/datapath";
import type { Place } from "./place.ts";

/** Bits per second that are to be held. */
export const LIMIT = 100e6;
const SECONDS = "3";
/** What a frame is longer than what it carries, at an MTU of 1500: TCP with timestamps, and UDP. */
const TCP_FRAME = 1514 / 1448;
const UDP_FRAME = 1514 / 1472;

export interface HeldRate {
  readonly what: string;
  /** Bits per second of Ethernet frames, as they are limited. */
  readonly rate: number;
}

/** What passes a limit in each direction of the client, by TCP, and by UDP that is half as fast again. */
export async function measureLimits(
  driver: DatapathDriver,
  { endpoint, client, server }: { readonly endpoint: EndpointWiring; readonly client: Place; readonly server: string },
  signal: AbortSignal,
): Promise<readonly HeldRate[]> {
  const held: HeldRate[] = [];
  for (const direction of ["egress", "ingress"] as const) {
    await driver.attach({ ...endpoint, qos: { [direction]: { rate: LIMIT, burst: 65_536 } } }, signal);
    const reverse = direction === "ingress" ? ["-R"] : [];
    const tcp = await received(client, ["-c", server, ...reverse]);
    held.push({ what: `${direction}, TCP`, rate: tcp * TCP_FRAME });
    const udp = await received(client, ["-c", server, ...reverse, "-u", "-l", "1472", "-b", String(LIMIT * 1.5)]);
    held.push({ what: `${direction}, UDP`, rate: udp * UDP_FRAME });
  }
  await driver.attach(endpoint, signal);
  return held;
}

/** Bits per second that arrived, without the first second. */
async function received(client: Place, args: readonly string[]): Promise<number> {
  const { end } = JSON.parse(await client.exec("iperf3", "-J", "-t", SECONDS, "-O", "1", ...args)) as Ended;
  const { bits_per_second: rate, lost_percent: lost = 0 } = end.sum_received ?? end.sum;
  return end.sum_received === undefined ? rate * (1 - lost / 100) : rate;
}

interface Ended {
  readonly end: { readonly sum_received?: Sum; readonly sum: Sum };
}

interface Sum {
  readonly bits_per_second: number;
  readonly lost_percent?: number;
}
