import { readFile } from "node:fs/promises";
import type { Clock } from "@holdfast/core";

/** Columns of /proc/net/udp (proc_net(5)): local address with port in hex, …, drops as the last one. */
const LOCAL = 1;

/**
 * Datagrams to a port that the kernel dropped because nobody took them in time, of all sockets of this network namespace that have the port now.
 * The count begins with the socket.
 */
export async function readKernelDrops(port: number): Promise<number> {
  const tables = await Promise.all(["/proc/net/udp", "/proc/net/udp6"].map(readTable));
  return tables.reduce((sum, table) => sum + dropsIn(table, port), 0);
}

/** Without IPv6 there is no table of it. */
async function readTable(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/** Adds up the last column of the lines whose local port is this one. */
export function dropsIn(table: string, port: number): number {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[LOCAL]?.endsWith(wanted) === true)
    .reduce((sum, columns) => sum + Number(columns.at(-1)), 0);
}

/** Milliseconds. */
const LOOK_AGAIN = 1000;

/** Looks at {@link readKernelDrops} every second: the kernel tells nobody of itself. */
export function followKernelDrops(clock: Clock): {
  start(port: number): Promise<void>;
  /** As of the last look. */
  readonly count: () => number;
  stop(): Promise<void>;
} {
  const ending = new AbortController();
  let drops = 0;
  let following: Promise<void> = Promise.resolve();

  async function follow(port: number): Promise<void> {
    while (!ending.signal.aborted) {
      // Nobody asks for more when it ends.
      await clock.wait(LOOK_AGAIN, ending.signal).catch(() => undefined);
      drops = await readKernelDrops(port).catch(() => drops);
    }
  }

  return {
    async start(port) {
      drops = await readKernelDrops(port);
      following = follow(port);
    },
    count: () => drops,
    async stop() {
      ending.abort();
      await following;
    },
  };
}
