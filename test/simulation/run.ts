import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { runScenario } from "./scenario.ts";
import { type Result, runScenarios } from "./scenarios.ts";

const USAGE = `Usage: node test/simulation/run.ts [--seed N] [--scenarios N] [--steps N] [--trace FILE]

Runs scenarios with the seeds N, N + 1, …, on all processors; prints those that fail, with the command that repeats each.
`;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    scenarios: { type: "string", default: "1" },
    steps: { type: "string", default: "400" },
    trace: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

/** One with its trace here, where a debugger finds it; several on all processors. */
async function run(seeds: readonly number[], steps: number, told: (seed: number, result: Result) => void) {
  const { trace: file } = values;
  if (file === undefined && seeds.length > 1) {
    return await runScenarios({ seeds, steps, processes: Math.min(availableParallelism(), seeds.length) }, told);
  }
  for (const seed of seeds) {
    const outcome = await runScenario({ seed, steps });
    if (file !== undefined) writeFileSync(file, `${outcome.trace.join("\n")}\n`);
    told(seed, outcome);
  }
}

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const steps = Number(values.steps);
  const seeds = Array.from({ length: Number(values.scenarios) }, (_, index) => Number(values.seed) + index);
  let failures = 0;
  let events = 0;
  const began = performance.now();
  await run(seeds, steps, (seed, outcome) => {
    events += outcome.events;
    if (outcome.failure === undefined) return;
    failures++;
    process.stdout.write(`${outcome.failure}\n  node test/simulation/run.ts --seed ${seed} --steps ${steps}\n`);
  });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(`${values.scenarios} scenarios, ${events} events, ${failures} failures, ${seconds} s\n`);
  return failures === 0 ? 0 : 1;
}

process.exitCode = await main();
