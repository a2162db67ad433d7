import { createReadStream, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import type { CapturedPacket } from "../capture/packet.ts";
import { readCapture } from "../capture/read-capture.ts";
import { createUdpFinder } from "../capture/udp.ts";

/** A capture and what sflowtool said of it, a line per datagram. */
export interface GoldenCapture {
  readonly name: string;
  readonly pcap: string;
  readonly golden: string;
}

/** Captures of Open vSwitch 3.1 and hsflowd 2.1.25 that lie in the repository. */
const OWN_FOLDER = join(import.meta.dirname, "../../testdata");

export function ownCaptures(): readonly GoldenCapture[] {
  return readdirSync(OWN_FOLDER)
    .filter((file) => file.endsWith(".pcap"))
    .map((file) => file.slice(0, -".pcap".length))
    .map((name) => ({
      name,
      pcap: join(OWN_FOLDER, `${name}.pcap`),
      golden: join(OWN_FOLDER, `${name}.sflowtool.jsonl`),
    }));
}

/** Captures below a folder, whose goldens lie in its folder `golden` under the capture's path with `_` for `/`. */
export function capturesBelow(folder: string | undefined): readonly GoldenCapture[] {
  if (folder === undefined) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".pcap"))
    .sort()
    .map((path) => ({
      name: path,
      pcap: join(folder, path),
      golden: join(
        folder,
        "golden",
        `${relative("", path)
          .replaceAll("/", "_")
          .replace(/\.pcap$/, "")}.sflowtool.jsonl`,
      ),
    }))
    .filter(({ golden }) => statSync(golden, { throwIfNoEntry: false }) !== undefined);
}

/** The lines of a golden; what sflowtool could not finish is no JSON and left out. */
export function goldenLines({ golden }: GoldenCapture): readonly (Record<string, unknown> | undefined)[] {
  return readFileSync(golden, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      try {
        return JSON.parse(line) as Record<string, unknown>;
      } catch {
        return undefined;
      }
    });
}

/** The UDP payloads to sFlow's port in a capture, with the packets they came in. */
export async function datagramsIn(pcap: string): Promise<{ packet: CapturedPacket; payload: DataView }[]> {
  const find = createUdpFinder(6343);
  const found = [];
  for await (const packet of readCapture(createReadStream(pcap))) {
    const one = find(packet);
    if (one.kind === "datagram") found.push({ packet, payload: one.payload });
  }
  return found;
}
