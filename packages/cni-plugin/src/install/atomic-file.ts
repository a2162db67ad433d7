import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Called before each step on the disk, by its name, for tests that end it there. */
export type Reached = (step: "written" | "durable" | "renamed" | "removed", path: string) => void;

/** Milliseconds after which nobody writes a file that has not got its name. */
const ABANDONED_AFTER = 60_000;

/**
 * Puts a file in its place as a whole: whoever looks sees the old one or the new one, also after a loss of power, and a program that runs from
 * the old one goes on with it.
 */
export async function writeAtomically(
  path: string,
  { content, mode }: { readonly content: Uint8Array; readonly mode: number },
  reached: Reached = () => undefined,
): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  // Its end is none that a runtime reads.
  const draft = join(folder, `.${basename(path)}.${randomBytes(4).toString("hex")}.new`);
  try {
    await using file = await open(draft, "wx", mode);
    await file.writeFile(content);
    // Whatever the umask says.
    await file.chmod(mode);
    reached("written", path);
    await file.sync();
    reached("durable", path);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncFolder(folder);
  reached("renamed", path);
}

/** Its absence is success. */
export async function removeDurably(path: string, reached: Reached = () => undefined): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
  reached("removed", path);
}

/** Drafts of a file whose writers have died. */
export async function abandonedDrafts(path: string, now: number): Promise<readonly string[]> {
  const folder = dirname(path);
  const names = await readdir(folder).catch(() => []);
  const drafts = names.filter((name) => name.startsWith(`.${basename(path)}.`) && name.endsWith(".new"));
  const found = await Promise.all(
    drafts.map(async (name) => {
      const { mtimeMs } = await stat(join(folder, name)).catch(() => ({ mtimeMs: now }));
      return now - mtimeMs > ABANDONED_AFTER ? [join(folder, name)] : [];
    }),
  );
  return found.flat();
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync();
}
