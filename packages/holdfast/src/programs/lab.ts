import { constants } from "node:os";
import type { CliIo } from "@holdfast/cli";
import { HoldfastError, silentLogger } from "@holdfast/core";
import { runLabCommand } from "@holdfast/lab";
import { machinePlaces } from "./places.ts";

/** `holdfast lab …`. Gives the exit code: as shells do, 128 and the signal's number when one ended it. */
export async function runLab(
  words: readonly string[],
  { io, interrupted }: { readonly io: CliIo; readonly interrupted: AbortController },
): Promise<number> {
  let ended: number | undefined;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      ended = 128 + constants.signals[signal];
      interrupted.abort(new HoldfastError("unavailable", `ended by ${signal}`));
    });
  }
  const code = await runLabCommand(words, {
    logger: silentLogger,
    program: [machinePlaces.command],
    signal: io.signal,
    write: (text) => io.out(text),
    writeError: (text) => io.err(text),
  });
  return ended ?? code;
}
