import type { EndpointQos } from "@holdfast/model";
import type { Meter } from "@holdfast/openflow";

/** Numbers of ports end before it. */
const PACKETS = 0x1_0000;

/**
 * Seconds of its rate that may go at once, whatever the burst is. What is above a meter cannot wait, so all of a TCP connection's last packets are lost, and it goes on
 * after 200 ms, its shortest timeout: with less than that it never gets its rate.
 */
const LEAST_DEPTH = 0.25;

/** Of a port: the meter of its rate, and that of its packets. */
export function metersOf(port: number): readonly [number, number] {
  return [port, PACKETS | port];
}

/** What the endpoint at a port sends has to pass these, in this order: what is dropped as a packet too many takes nothing of its rate. */
export function portMeters(port: number, { egress = {} }: EndpointQos): readonly Meter[] {
  const { packets, rate, burst = 0 } = egress;
  const [rateMeter, packetMeter] = metersOf(port);
  return [
    ...(packets === undefined ? [] : [packetsMeter(packetMeter, packets)]),
    ...(rate === undefined ? [] : [rateMeterOf(rateMeter, rate, burst)]),
  ];
}

function packetsMeter(id: number, rate: number): Meter {
  return { id, unit: "packets", rate, burst: Math.max(5, Math.ceil(rate / 100)) };
}

/** Of bits per second and bytes. */
function rateMeterOf(id: number, rate: number, burst: number): Meter {
  return { id, unit: "kilobits", rate: kilobits(rate), burst: kilobits(Math.max(burst * 8, rate * LEAST_DEPTH)) };
}

function kilobits(bits: number): number {
  return Math.ceil(bits / 1000);
}
