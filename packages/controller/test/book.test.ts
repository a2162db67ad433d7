import { expect, test } from "vitest";
import { checkBook } from "../src/testing/book-property.ts";

/** A failure prints seed and path: with both in the environment, just its shortest program is run again. */
const { HOLDFAST_STEPS = "100000", HOLDFAST_SEED: seed, HOLDFAST_PATH: path } = process.env;
const steps = Number(HOLDFAST_STEPS);

test(`the address book does what its rules say (${steps} random steps)`, { timeout: 60_000 + steps * 10 }, async () => {
  const taken = await checkBook({ steps, seed: seed === undefined ? undefined : Number(seed), path });
  if (path === undefined) expect(taken).toBeGreaterThan(steps * 0.8);
});
