import { closeSync, writeSync } from "node:fs";
import { flushCompileCache } from "node:module";

/**
 * Tells who started this process that it is ready, by a line on the descriptor named in `HOLDFAST_READY_FD`. Nothing when there is none.
 */
export function announceReady(): void {
  // A program that is killed never gets to write what was compiled for its next start.
  flushCompileCache();
  const descriptor = Number(process.env.HOLDFAST_READY_FD);
  if (!Number.isInteger(descriptor) || descriptor < 3) return;
  writeSync(descriptor, "ready\n");
  closeSync(descriptor);
}

/** Asks an agent to take the platform off its machine before it ends. */
export const LEAVE_SIGNAL = "SIGUSR2";

/** Resolves with the name of the first signal that asks this process to end. */
export function stopRequested(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const signals = ["SIGTERM", "SIGINT", "SIGHUP", LEAVE_SIGNAL] as const;
    for (const signal of signals) process.once(signal, () => resolve(signal));
  });
}
