import { resolve } from "node:path";
import { outputOf, startChild } from "./child.ts";

const PROGRAM = resolve(import.meta.dirname, "load-process.ts");

/** What a process of clients is to send; in `path` and `body`, `#` stands for the number of the request and `%` for that modulo 100. */
export interface Load {
  readonly port: number;
  readonly path: string;
  readonly body: string;
  /** Each on a connection of its own, with one request at a time. */
  readonly clients: number;
  /** A round ends after so many seconds, */
  readonly seconds?: number;
  /** or after so many requests. */
  readonly requests?: number;
}

export interface LoadResult {
  /** From the first request to the last answer. */
  readonly elapsedSeconds: number;
  /** Of each request, from its sending until its answer was complete. */
  readonly milliseconds: readonly number[];
  /** Of each claim that was made. */
  readonly addresses: readonly string[];
}

/** Runs the clients in a process of their own. Every answer is a success, or this fails. @throws TypeError also when two got one address. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const [result] = await runInTurns([load], 1);
  if (result === undefined) throw new TypeError("no result");
  return result;
}

/** {@link runLoad} of several, one after the other and round by round. Their results are in their order. */
export async function runInTurns(loads: readonly Load[], rounds: number): Promise<readonly LoadResult[]> {
  const child = startChild([process.execPath, PROGRAM, JSON.stringify(loads), String(rounds)]);
  const results = JSON.parse(await outputOf(child)) as readonly LoadResult[];
  for (const { addresses } of results) {
    const different = new Set(addresses).size;
    if (different === addresses.length) continue;
    throw new TypeError(`${addresses.length} claims got only ${different} different addresses`);
  }
  return results;
}

export function perSecond({ milliseconds, elapsedSeconds }: LoadResult): number {
  return milliseconds.length / elapsedSeconds;
}
