import { join } from "node:path";
import type { CliIo } from "@holdfast/cli";
import { errorText, silentLogger } from "@holdfast/core";
import { runDemo, runLabCommand } from "@holdfast/lab";
import { repository } from "./places.ts";

/** `holdfast lab …`; `lab demo` tells the product's story. Gives the exit code. */
export async function runLab(
  words: readonly string[],
  world: { readonly io: CliIo; readonly interrupted: AbortController },
): Promise<number> {
  const { io, interrupted } = world;
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => interrupted.abort(new Error(`${signal} received`)));
  if (words[0] !== "demo") {
    const labIo = { logger: silentLogger, signal: io.signal, write: io.out.bind(io), writeError: io.err.bind(io) };
    return await runLabCommand(words, labIo);
  }
  try {
    const command = [join(repository, "bin/holdfast")];
    await runDemo({ command, print: (line) => io.out(`${line}\n`), signal: io.signal, logger: silentLogger });
    return 0;
  } catch (error) {
    io.err(`holdfast lab demo: ${errorText(error)}\n`);
    return 1;
  }
}
