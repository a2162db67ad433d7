import { type Profiler, Session } from "node:inspector/promises";
import { setFlagsFromString } from "node:v8";

/** Neither modules of Node nor packages of others. */
const OURS = /^(?!node:)(?!.*\/node_modules\/)/;

/**
 * Counts how often work runs through functions, branches and loops of our code: a measure of what it costs that no other load on the machine
 * changes. Whatever else runs in this process meanwhile is counted as well.
 */
export interface StepCounter extends AsyncDisposable {
  of(work: () => Promise<unknown>): Promise<number>;
}

/** To be started before what is measured has run for the first time: branches and loops are counted in what is compiled from then on. */
export async function startStepCounter(): Promise<StepCounter> {
  // Optimized code does not count what it calls.
  for (const compiler of ["opt", "maglev"]) setFlagsFromString(`--no-${compiler}`);
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  const stepsSince = async (): Promise<number> => stepsIn(await session.post("Profiler.takePreciseCoverage"));
  return {
    async of(work) {
      await stepsSince();
      await work();
      return await stepsSince();
    },
    async [Symbol.asyncDispose]() {
      await session.post("Profiler.stopPreciseCoverage");
      session.disconnect();
    },
  };
}

function stepsIn({ result }: Profiler.TakePreciseCoverageReturnType): number {
  const functions = result.filter(({ url }) => OURS.test(url)).flatMap((script) => script.functions);
  return functions.flatMap(({ ranges }) => ranges).reduce((sum, { count }) => sum + count, 0);
}
