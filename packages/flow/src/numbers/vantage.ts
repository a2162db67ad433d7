import { IPV4, IPV6, KEY_FLAGS, KEY_TUNNEL } from "../packet/key.ts";
import { HAS_TUNNEL_IN, HAS_VNI_IN, SAMPLE_HAS, SAMPLE_KEY } from "../sflow/words.ts";

/**
 * Where on its way a packet was sampled:
 *
 * - `port`: as it came from a container's port or from outside the overlay: this is where packets are counted;
 * - `tunnel`: as it came out of a tunnel, at the other end of which it was sampled as well;
 * - `underlay`: inside its tunnel's headers, on the way between the two.
 *
 * The last two are the same packets once more: adding them up would tell two or three times what went over the network.
 */
export type Vantage = "port" | "tunnel" | "underlay";

/** By their numbers. */
export const VANTAGES: readonly Vantage[] = ["port", "tunnel", "underlay"];
export const AT_PORT = 0;
const AT_TUNNEL = 1;
export const AT_UNDERLAY = 2;

/** Tells the vantage point of a sample's row, e.g. of the row `index * SAMPLE_WORDS`. */
export function vantageOf(samples: Uint32Array, row: number): Vantage {
  return VANTAGES[vantageNumberOf(samples, row)] ?? "port";
}

/** The same as a number, for this is asked for every sample. */
export function vantageNumberOf(samples: Uint32Array, row: number): number {
  const has = samples[row + SAMPLE_HAS] ?? 0;
  if ((has & (HAS_TUNNEL_IN | HAS_VNI_IN)) !== 0) return AT_TUNNEL;
  const flags = samples[row + SAMPLE_KEY + KEY_FLAGS] ?? 0;
  const isTunnelled = (flags & (IPV4 | IPV6)) !== 0 && samples[row + SAMPLE_KEY + KEY_TUNNEL] !== 0;
  return isTunnelled ? AT_UNDERLAY : AT_PORT;
}
