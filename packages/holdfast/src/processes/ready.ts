import { closeSync, writeSync } from "node:fs";

/**
 * Tells who started this process that it is ready, by a line on the descriptor named in `HOLDFAST_READY_FD`. Nothing when there is none.
 */
export function announceReady(): void {
  const descriptor = Number(process.env.HOLDFAST_READY_FD);
  if (!Number.isInteger(descriptor) || descriptor < 3) return;
  writeSync(descriptor, "ready\n");
  closeSync(descriptor);
}

/** Resolves with the name of the first signal that asks this process to end. */
export function stopRequested(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, () => resolve(signal));
  });
}
