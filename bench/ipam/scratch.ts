import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** On a disk: `/tmp` may be memory, where syncing costs nothing. */
const PARENT = "/var/tmp";
const PREFIX = "holdfast-bench-ipam-";

/** A folder that goes at the end of this process, or, when that is killed, at the start of the next one. */
export function scratchFolder(): Disposable & { readonly path: string } {
  for (const name of readdirSync(PARENT)) {
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) rmSync(join(PARENT, name), { recursive: true, force: true });
  }
  const path = mkdtempSync(join(PARENT, `${PREFIX}${process.pid}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}
