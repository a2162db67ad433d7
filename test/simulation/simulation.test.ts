import { describe, expect, test } from "vitest";
import { runScenario } from "./scenario.ts";
import { runScenarios } from "./scenarios.ts";

/** `HOLDFAST_SEED` runs this one only; `HOLDFAST_SCENARIOS` says how many are run. */
const { HOLDFAST_SEED: given, HOLDFAST_SCENARIOS: wanted = "50" } = process.env;
const STEPS = 400;
const FIRST = 20_260_101;
/** Seeds that have found something. */
const FOUND = [9, 16, 34, 70, 96, 1131, 1655];

/** What failed, with the command that shows it again; empty: nothing. */
async function failures(seeds: Iterable<number>): Promise<string[]> {
  const found: string[] = [];
  for (const seed of seeds) {
    const { failure } = await runScenario({ seed, steps: STEPS });
    if (failure !== undefined) found.push(`${failure}\n  node test/simulation/run.ts --seed ${seed} --steps ${STEPS}`);
  }
  return found;
}

describe("controllers over one store, agents and runtimes, whatever happens to them", () => {
  const random = Array.from({ length: Number(wanted) }, (_, index) => FIRST + index);
  const seeds = given === undefined ? [...FOUND, ...random] : [Number(given)];

  test(`hold what they promise (${seeds.length} scenarios)`, { timeout: 50_000 + 1000 * seeds.length }, async () => {
    expect(await failures(seeds)).toEqual([]);
  });

  test("do the same for the same seed", async () => {
    const [first, second] = [
      await runScenario({ seed: 1, steps: STEPS }),
      await runScenario({ seed: 1, steps: STEPS }),
    ];
    expect(second.digest).toBe(first.digest);
    expect(first.events).toBeGreaterThan(300);
  });

  test("do the same in processes of their own, at the same time", async () => {
    const seeds = [1, 2, 3, 4, 5, 6, 7];
    const alone = new Map<number, string>();
    for (const seed of seeds) alone.set(seed, (await runScenario({ seed, steps: STEPS })).digest);
    const beside = new Map<number, string>();
    await runScenarios({ seeds, steps: STEPS, processes: 3 }, (seed, { digest }) => void beside.set(seed, digest));
    expect(beside).toEqual(alone);
  });
});
