import { percentile } from "../statistics.ts";
import { claimAddresses, createNetwork, pathOfClaims } from "./claims.ts";
import type { ControllerProcess } from "./controller-process.ts";
import { runInTurns, runLoad } from "./load.ts";

/** 10.16.0.0/12 has so many addresses. */
const SIZE = 2 ** 20;
const PREFIX = "10.16.0.0/12";
/** At 99.9 % hardly more are free than one level takes. */
const ROUNDS = 18;
const REQUESTS = 50;
const CLIENTS = 8;
/** Coprime to 1000, so that the addresses of a level are scattered over the whole prefix and never in a row. */
const STRIDE = 389;

/** In thousandths of the prefix. */
const LEVELS = [0, 100, 500, 950, 999] as const;

export interface Fullness {
  /** By thousandths of the prefix that are claimed. */
  readonly levels: ReadonlyMap<number, Level>;
  readonly claims: number;
}

/** p50 of single claims over HTTP in milliseconds. */
export interface Level {
  readonly p50: number;
  /** In an empty /12 of the same controller, in turn with it. */
  readonly emptyP50: number;
}

/**
 * Fills a /12 level by level, the free addresses scattered, and measures single claims at each in turn with an empty one, so that what the machine
 * does meanwhile is in both. What was measured stays, so that in the end the network is as good as full.
 */
export async function measureFullness(controller: ControllerProcess, network: string): Promise<Fullness> {
  await warmUp(controller);
  await createNetwork(controller, network, PREFIX);
  const levels = new Map<number, Level>();
  let claims = 0;
  let reached = 0;
  for (const [place, level] of LEVELS.entries()) {
    claims += await claimAddresses(controller, network, scattered(reached, level));
    reached = level;
    const empty = `empty-${level}`;
    await createNetwork(controller, empty, `10.${32 + 16 * place}.0.0/12`);
    const loads = [network, empty].map((one) => ({
      ...{ port: controller.port, path: pathOfClaims(one), clients: CLIENTS, requests: REQUESTS },
      body: `{"identity":"level-${level}-#"}`,
    }));
    const [full, control] = await runInTurns(loads, ROUNDS);
    levels.set(level, {
      p50: percentile(full?.milliseconds ?? [], 0.5),
      emptyP50: percentile(control?.milliseconds ?? [], 0.5),
    });
    claims += ROUNDS * REQUESTS;
  }
  return { levels, claims };
}

/** Else the first level would be measured on code that has not been compiled yet. */
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
