import type { CliIo } from "@holdfast/cli";
import { HoldfastError, silentLogger } from "@holdfast/core";
import { runLabCommand } from "@holdfast/lab";
import { machinePlaces } from "./places.ts";

/** `holdfast lab …`. Gives the exit code. */
export async function runLab(
  words: readonly string[],
  { io, interrupted }: { readonly io: CliIo; readonly interrupted: AbortController },
): Promise<number> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => interrupted.abort(new HoldfastError("unavailable", `ended by ${signal}`)));
  }
  return await runLabCommand(words, {
    logger: silentLogger,
    program: [machinePlaces.command],
    signal: io.signal,
    write: (text) => io.out(text),
    writeError: (text) => io.err(text),
  });
}
