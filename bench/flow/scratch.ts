import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

/** A folder in memory, so that peers' files cost no disk; it goes at the end. */
export function scratchFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join("/dev/shm", "holdfast-bench-flow-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
