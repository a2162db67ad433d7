import { setTimeout as wait } from "node:timers/promises";
import { steps } from "./steps.ts";
import { World } from "./world.ts";

/** Runs all steps in the guest and prints what came of each; one that hangs is given up. */

const STEP_LIMIT_MS = 180_000;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function within<T>(work: Promise<T>): Promise<T> {
  const expired = new AbortController();
  const limit = wait(STEP_LIMIT_MS, undefined, { signal: expired.signal }).then(() => {
    throw new Error(`not done after ${STEP_LIMIT_MS / 1000} s`);
  });
  limit.catch(() => undefined);
  try {
    return await Promise.race([work, limit]);
  } finally {
    expired.abort();
  }
}

const world = await within(World.open());
for (const [index, { name, run }] of steps.entries()) {
  const start = performance.now();
  try {
    await within(run(world));
    say(`ok ${index + 1} - ${name}`);
  } catch (error) {
    say(`not ok ${index + 1} - ${name}`);
    for (const line of String(error instanceof Error ? error.stack : error).split("\n")) say(`# ${line}`);
  }
  say(`# took ${(performance.now() - start).toFixed(0)} ms`);
}
// The guest's end takes everything with it.
process.exit(0);
