import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { Outcome, ScenarioOptions } from "./scenario.ts";

const PROGRAM = join(import.meta.dirname, "scenario-process.ts");

export interface ScenariosOptions {
  readonly seeds: readonly number[];
  readonly steps: number;
  /** How many run at the same time, each in a process: it has its own time and chance, and nobody waits for a clock in it. */
  readonly processes: number;
}

export type Result = Pick<Outcome, "digest" | "events" | "failure">;

/**
 * Runs scenarios, and tells of each as soon as it is over, in no order.
 *
 * @throws TypeError when a process ends in the middle of a scenario; the message names its seed.
 */
export async function runScenarios(
  { seeds, steps, processes }: ScenariosOptions,
  told: (seed: number, result: Result) => void,
): Promise<void> {
  const left = seeds.values();
  const work = async (): Promise<void> => {
    const child = fork(PROGRAM);
    try {
      for (const seed of left) told(seed, await resultOf(child, { seed, steps }));
    } finally {
      child.kill();
    }
  };
  await Promise.all(Array.from({ length: processes }, work));
}

async function resultOf(child: ChildProcess, options: ScenarioOptions): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const onEnd = (code: number | null, signal: string | null): void =>
    reject(new TypeError(`the process of the scenario with seed ${options.seed} has ended: ${code ?? signal}`));
  child.once("message", resolve).once("exit", onEnd);
  child.send(options);
  try {
    return await promise;
  } finally {
    child.off("message", resolve).off("exit", onEnd);
  }
}
