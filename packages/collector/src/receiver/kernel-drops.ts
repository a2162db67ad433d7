import { readFile } from "node:fs/promises";

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
