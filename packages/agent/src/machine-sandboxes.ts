import { readdir, readlink, stat, statfs } from "node:fs/promises";
import type { Sandboxes, SandboxState } from "./sandboxes.ts";

/** `NSFS_MAGIC` of linux/magic.h: what a bind-mounted namespace lies on. Docker leaves the empty file for a while. */
const NSFS_MAGIC = 0x6e736673;
/** Processes that are looked at in one go: file operations share few threads with everything else of this process. */
const AT_ONCE = 32;
const MOST_REMEMBERED = 10_000;

/** The machine's own. Remembers which it has seen: only for those does absence mean something. */
export function createMachineSandboxes(): Sandboxes {
  const seen = new Set<string>();

  /** Paths are never used again: those that were seen last are kept. */
  function remember(path: string): void {
    seen.delete(path);
    seen.add(path);
    const [oldest] = seen;
    if (seen.size > MOST_REMEMBERED && oldest !== undefined) seen.delete(oldest);
  }

  async function stateOf(path: string, inhabited: () => Promise<ReadonlySet<string>>): Promise<SandboxState> {
    const namespace = await namespaceAt(path);
    if (namespace === "unknown") return "unknown";
    if (namespace === "absent") return seen.has(path) ? "gone" : "unknown";
    remember(path);
    return (await inhabited()).has(namespace.name) ? "inhabited" : "empty";
  }

  return {
    async look(paths) {
      let scan: Promise<ReadonlySet<string>> | undefined;
      const inhabited = () => {
        scan ??= inhabitedNamespaces();
        return scan;
      };
      const found = new Map<string, SandboxState>();
      for (const path of new Set(paths)) found.set(path, await stateOf(path, inhabited));
      return found;
    },
  };
}

/** The namespace's name as processes show it, e.g. `"net:[4026532008]"`. */
async function namespaceAt(path: string): Promise<{ readonly name: string } | "absent" | "unknown"> {
  try {
    if ((await statfs(path)).type !== NSFS_MAGIC) return "absent";
    return { name: `net:[${(await stat(path)).ino}]` };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return code === "ENOENT" || code === "ENOTDIR" ? "absent" : "unknown";
  }
}

async function inhabitedNamespaces(): Promise<ReadonlySet<string>> {
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = new Set<string>();
  for (let from = 0; from < processes.length; from += AT_ONCE) {
    const some = processes.slice(from, from + AT_ONCE);
    // A process that has ended meanwhile is in no namespace.
    const links = await Promise.all(some.map((pid) => readlink(`/proc/${pid}/ns/net`).catch(() => "")));
    for (const link of links) found.add(link);
  }
  return found;
}
