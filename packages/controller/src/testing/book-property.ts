import fc from "fast-check";
import { BookRun } from "./book-run.ts";
import { programOf } from "./book-steps.ts";

const PROGRAM_LENGTH = 200;

export interface PropertyOptions {
  /** Steps of all programs together, about. */
  readonly steps: number;
  /** Of fast-check, as a failure prints it. Absent: other programs every time. */
  readonly seed?: number | undefined;
  /** Repeats just the program that failed, shrunk. */
  readonly path?: string | undefined;
}

/**
 * Runs random programs on the model and on the real thing. @throws Error with the shortest program that fails, seed and path.
 */
export async function checkBook({ steps, seed, path }: PropertyOptions): Promise<number> {
  let taken = 0;
  const property = fc.asyncProperty(programOf(PROGRAM_LENGTH), async (program) => {
    await using run = await BookRun.start();
    for (const step of program) {
      await run.take(step);
      taken++;
    }
    await run.verify();
  });
  // Lengths are spread evenly.
  const numRuns = Math.ceil(steps / (PROGRAM_LENGTH / 2));
  await fc.assert(property, {
    numRuns,
    ...(seed === undefined ? {} : { seed }),
    ...(path === undefined ? {} : { path, endOnFailure: true }),
  });
  return taken;
}
