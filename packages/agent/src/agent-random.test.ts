import fc from "fast-check";
import { describe, test } from "vitest";
import { Cluster } from "./testing/cluster.ts";
import { ProgramRun } from "./testing/program-run.ts";
import { blockProgramArbitrary, HOSTS, programArbitrary } from "./testing/random-program.ts";

/** With these, the programs are the same in every run; a failure names the number of its program. */
const SEED = 20_260_101;
const PROGRAMS = 60;
const PROGRAMS_WITH_BLOCKS = 40;

describe("agents and a controller, whatever happens to them", () => {
  const programs = fc.sample(programArbitrary, { seed: SEED, numRuns: PROGRAMS });
  test.concurrent.for(programs.map((program, number) => ({ number, program })))(
    `program $number of seed ${SEED}`,
    { timeout: 30_000 },
    async ({ program }) => {
      await using cluster = await Cluster.start(HOSTS, AbortSignal.timeout(30_000));
      await new ProgramRun(cluster).run(program);
    },
  );

  const withBlocks = fc.sample(blockProgramArbitrary, { seed: SEED, numRuns: PROGRAMS_WITH_BLOCKS });
  test.concurrent.for(withBlocks.map((program, number) => ({ number, program })))(
    `program $number of seed ${SEED}, with node blocks`,
    { timeout: 30_000 },
    async ({ program }) => {
      await using cluster = await Cluster.start(HOSTS, AbortSignal.timeout(30_000), { nodeBlocks: { size: 4 } });
      await new ProgramRun(cluster).run(program);
    },
  );
});
