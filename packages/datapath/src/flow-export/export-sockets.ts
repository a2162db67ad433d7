import { readFile } from "node:fs/promises";
import { IpAddress } from "@holdfast/core";
import type { FlowTarget } from "@holdfast/model";

/** Columns of /proc/net/udp (proc_net(5)): remote address with port in hex. */
const REMOTE = 2;

/**
 * How many UDP sockets are connected to a target. The switch says nowhere whether it exports: it has a socket for each bridge that does, and none where it
 * has given up, of which only its log has a line.
 *
 * @param tables the folder of the switch's network namespace, e.g. `"/proc/self/net"`
 */
export async function countExportSockets(tables: string, target: FlowTarget): Promise<number> {
  const name = IpAddress.family(target.address) === "v4" ? "udp" : "udp6";
  return countRemotes(await readFile(`${tables}/${name}`, "utf8"), target);
}

/** Of a table's lines. */
export function countRemotes(table: string, { address, port }: FlowTarget): number {
  const wanted = `${addressHex(address)}:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table
    .split("\n")
    .slice(1)
    .filter((line) => line.trim().split(/\s+/)[REMOTE] === wanted).length;
}

/** Words of 32 bits in the machine's own order, which is little-endian on all that we run on. */
function addressHex(address: IpAddress): string {
  const bytes = IpAddress.toBytes(address);
  const words = Array.from({ length: bytes.length / 4 }, (_, word) =>
    [...bytes.subarray(4 * word, 4 * word + 4)].reverse(),
  );
  return words
    .flat()
    .map((byte) => byte.toString(16).toUpperCase().padStart(2, "0"))
    .join("");
}
