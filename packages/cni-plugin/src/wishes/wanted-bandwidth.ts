import { defaultBurst, type EndpointQos, type QosLimit } from "@holdfast/model";
import type { NetworkConfig } from "../protocol/network-config.ts";

/** Bits per second: with less a container could not even find its neighbours. */
const LEAST_RATE = 64_000;
/** Bits per second. */
const MOST_RATE = 400e9;
/** Bytes: one frame of the largest MTU. */
const LEAST_BURST = 9234;
/** Bytes. Kubernetes asks for 2 Gbit at once when it means that it does not care. */
const MOST_BURST = 64 * 1024 ** 2;

/** What a runtime wants limited, by the capability `bandwidth`; the container sends `egress`. Undefined: nothing. */
export function wantedBandwidth({ runtimeConfig: { bandwidth } }: NetworkConfig): EndpointQos | undefined {
  if (bandwidth === undefined) return undefined;
  const ingress = limitOf(bandwidth.ingressRate, bandwidth.ingressBurst);
  const egress = limitOf(bandwidth.egressRate, bandwidth.egressBurst);
  if (ingress === undefined && egress === undefined) return undefined;
  return { ...(ingress === undefined ? {} : { ingress }), ...(egress === undefined ? {} : { egress }) };
}

/** 0: no limit; a burst alone limits nothing. */
function limitOf(bits: number | null | undefined, burstBits: number | null | undefined): QosLimit | undefined {
  if (!bits) return undefined;
  const rate = Math.min(MOST_RATE, Math.max(LEAST_RATE, bits));
  const wanted = burstBits ? Math.ceil(burstBits / 8) : defaultBurst(rate);
  // Above two seconds of the rate a limit would not be felt.
  const most = Math.min(MOST_BURST, Math.max(defaultBurst(rate), Math.ceil(rate / 4)));
  return { rate, burst: Math.min(most, Math.max(LEAST_BURST, wanted)) };
}
