import { percentile } from "../statistics.ts";
import { claimAddresses, createNetwork, pathOfClaims } from "./claims.ts";
import type { ControllerProcess } from "./controller-process.ts";
import { runLoad } from "./load.ts";

/** 10.16.0.0/12 has so many addresses. */
const SIZE = 2 ** 20;
const PREFIX = "10.16.0.0/12";
/** At 99.9 % hardly more are free. */
const SAMPLES = 900;
const CLIENTS = 8;
/** Coprime to 1000, so that the addresses of a level are scattered over the whole prefix and never in a row. */
const STRIDE = 389;

/** In thousandths of the prefix. */
const LEVELS = [0, 100, 500, 950, 999] as const;

export interface Fullness {
  /** p50 of single claims over HTTP in milliseconds, by thousandths of the prefix that are claimed. */
  readonly p50: ReadonlyMap<number, number>;
  readonly claims: number;
}

/**
 * Fills a /12 level by level, the free addresses scattered, and measures single claims at each. What was measured stays, so that in the end
 * the network is as good as full.
 */
export async function measureFullness(controller: ControllerProcess, network: string): Promise<Fullness> {
  await warmUp(controller);
  await createNetwork(controller, network, PREFIX);
  const p50 = new Map<number, number>();
  let claims = 0;
  let reached = 0;
  for (const level of LEVELS) {
    claims += await claimAddresses(controller, network, scattered(reached, level));
    reached = level;
    const load = { port: controller.port, path: pathOfClaims(network), clients: CLIENTS, requests: SAMPLES };
    const { milliseconds } = await runLoad({ ...load, body: `{"identity":"level-${level}-#"}` });
    p50.set(level, percentile(milliseconds, 0.5));
    claims += milliseconds.length;
  }
  return { p50, claims };
}

/** Else the empty prefix, which comes first, would be measured on code that has not been compiled yet, and every ratio to it would flatter. */
async function warmUp(controller: ControllerProcess): Promise<void> {
  await createNetwork(controller, "warm", "10.0.0.0/12");
  const path = pathOfClaims("warm");
  await runLoad({ port: controller.port, path, clients: 64, body: '{"identity":"warm-#"}', seconds: 6 });
}

function* scattered(from: number, below: number): Iterable<string> {
  for (let offset = 2; offset < SIZE - 1; offset++) {
    const place = (offset * STRIDE) % 1000;
    if (place >= from && place < below) yield `10.${16 + (offset >>> 16)}.${(offset >>> 8) & 255}.${offset & 255}`;
  }
}
