import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { runScenario } from "./scenario.ts";

const USAGE = `Usage: node test/simulation/run.ts [--seed N] [--scenarios N] [--steps N] [--trace FILE]

Runs scenarios with the seeds N, N + 1, …; prints those that fail, with the command that repeats each.
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

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const first = Number(values.seed);
  const steps = Number(values.steps);
  let failures = 0;
  let events = 0;
  const began = performance.now();
  for (let seed = first; seed < first + Number(values.scenarios); seed++) {
    const outcome = await runScenario({ seed, steps });
    events += outcome.events;
    if (values.trace !== undefined) writeFileSync(values.trace, `${outcome.trace.join("\n")}\n`);
    if (outcome.failure === undefined) continue;
    failures++;
    process.stdout.write(`${outcome.failure}\n  node test/simulation/run.ts --seed ${seed} --steps ${steps}\n`);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(`${values.scenarios} scenarios, ${events} events, ${failures} failures, ${seconds} s\n`);
  return failures === 0 ? 0 : 1;
}

process.exitCode = await main();
