import type { IpAddress } from "@holdfast/core";
import { Guest, type GuestPlace } from "../guest.ts";
import type { GapReport } from "./probe-log.ts";

/** What a probe aims at. */
export interface UdpTarget {
  readonly address: IpAddress | string;
  readonly port: number;
  /** Milliseconds between two probes. Default 1. */
  readonly interval?: number;
}

/** A running stream of probes; disposing ends it. */
export interface ProbeStream extends AsyncDisposable {
  /** What has been seen so far. @throws HoldfastError `unavailable`: the probe has ended. */
  gap(signal: AbortSignal): Promise<GapReport>;
}

/** Starts an echo for UDP probes; disposing ends it. In a container's network it ends with the container. */
export async function startUdpEcho(place: GuestPlace, port: number, signal: AbortSignal): Promise<AsyncDisposable> {
  return await Guest.start(place, ["measure/udp-echo.ts", String(port)], signal);
}

/** Starts numbered UDP probes to an echo, and waits for the first answer. */
export async function startUdpStream(place: GuestPlace, target: UdpTarget, signal: AbortSignal): Promise<ProbeStream> {
  const { address, port, interval = 1 } = target;
  return streamOf(await Guest.start(place, ["measure/udp-probe.ts", address, String(port), String(interval)], signal));
}

/** Starts pings, some 600 to 900 per second, and waits for the first answer. */
export async function startPingStream(
  place: GuestPlace,
  address: IpAddress | string,
  signal: AbortSignal,
): Promise<ProbeStream> {
  return streamOf(await Guest.start(place, ["measure/ping-probe.ts", address], signal));
}

function streamOf(guest: Guest): ProbeStream {
  return {
    gap: async (signal) => JSON.parse(await guest.ask("report", signal)) as GapReport,
    [Symbol.asyncDispose]: async () => await guest[Symbol.asyncDispose](),
  };
}
