import { mkdir, readdir, writeFile } from "node:fs/promises";

import { createNamespace, deleteNamespace, NAMESPACE_FOLDER } from "../namespaces.ts";

/** A network namespace of a test: nothing in it but `lo`, no way out. */
export interface TestNamespace {
  /** As `ip netns` shows it, e.g. `"hft-4711-3"`. */
  readonly name: string;
  /** e.g. `"/run/netns/hft-4711-3"`. */
  readonly path: string;
}

const PATTERN = /^hft-(\d+)-\d+$/;

/**
 * Makes `count` namespaces for a test, hands them over, and removes them afterwards whatever happened. Sweeps first what test
 * runs that were killed have left.
 *
 * The names carry the pid of the owner; nothing of a live process is ever swept.
 */
export async function withTestNamespaces<T>(
  count: number,
  action: (namespaces: readonly [TestNamespace, ...TestNamespace[]]) => Promise<T>,
): Promise<T> {
  await using undo = new AsyncDisposableStack();
  const first = await createTestNamespace();
  undo.defer(() => deleteNamespace(first.path));
  const rest: TestNamespace[] = [];
  for (let index = 1; index < count; index++) {
    const namespace = await createTestNamespace();
    undo.defer(() => deleteNamespace(namespace.path));
    rest.push(namespace);
  }
  return await action([first, ...rest]);
}

/** One namespace, for tests that keep it over several cases; give its path to `deleteNamespace` in the end. */
export async function createTestNamespace(): Promise<TestNamespace> {
  await sweepTestNamespaces();
  await mkdir(NAMESPACE_FOLDER, { recursive: true });
  for (let number = 0; ; number++) {
    const name = `hft-${process.pid}-${number}`;
    const path = `${NAMESPACE_FOLDER}/${name}`;
    if (!(await reserve(path))) continue;
    await createNamespace(path);
    return { name, path };
  }
}

/** Removes the namespaces of test processes that are no more. */
export async function sweepTestNamespaces(): Promise<void> {
  const names = await readdir(NAMESPACE_FOLDER).catch(() => []);
  for (const name of names) {
    const owner = PATTERN.exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) await deleteNamespace(`${NAMESPACE_FOLDER}/${name}`);
  }
}

/** Whether the file was not there: who makes it has the name. */
async function reserve(path: string): Promise<boolean> {
  try {
    await writeFile(path, "", { flag: "wx", mode: 0o444 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
