import type { DecoderTotals, FormatSpace, Found } from "@holdfast/flow";
import type { DecodedDatagram } from "./decode.ts";

/** Counts what a capture holds. */
export interface Tally {
  packet(kind: Found["kind"]): void;
  isEmpty(): boolean;
  datagram(said: DecodedDatagram): void;
  /** In words, a line per kind of thing. */
  text(totals: DecoderTotals, port: number): string;
}

const SPACES: Readonly<Record<FormatSpace, string>> = {
  sample: "sample",
  flow: "flow record",
  counters: "counter record",
  packet: "header protocol",
};

export function createTally(): Tally {
  const packets = { datagram: 0, fragment: 0, cut: 0, other: 0 };
  const samples = { flow: 0, counters: 0, discard: 0 };
  let agents = new Set<string>();
  return {
    packet(kind) {
      packets[kind] += 1;
    },
    isEmpty: () => sumOf(packets) === 0,
    datagram(said) {
      if (said.agent !== undefined && agents.size < 1000) agents = agents.add(`${said.agent}/${said.subAgent}`);
      for (const { kind } of said.samples ?? []) samples[kind] += 1;
    },
    text(totals, port) {
      const { datagram, fragment, cut, other } = packets;
      if (datagram === 0 && fragment === 0 && cut === 0) {
        return `no datagrams to UDP port ${port} among ${counted(other, "packet")}; --port names another port\n`;
      }
      const kinds = `${samples.flow} flow, ${samples.counters} counters, ${samples.discard} discard`;
      const lines = [
        `${counted(datagram, "datagram")} of ${counted(agents.size, "agent")}, ${counted(sumOf(samples), "sample")} (${kinds})`,
        other === 0 ? "" : `passed over: ${counted(other, "other packet")}`,
        fragment === 0 ? "" : `passed over: ${counted(fragment, "IP fragment")}, which are not put together`,
        cut === 0
          ? ""
          : `passed over: ${counted(cut, "datagram")} that the capture cut short; tcpdump -s 0 keeps them whole`,
        listed("refused", totals.refusals),
        ...(Object.keys(SPACES) as FormatSpace[]).map((space) =>
          listed(`skipped, unknown ${SPACES[space]}`, totals.unknown[space]),
        ),
      ];
      return lines
        .filter((line) => line !== "")
        .map((line) => `${line}\n`)
        .join("");
    },
  };
}

/** `refused: 2 record_length, 1 version`; nothing when there is nothing. */
function listed(what: string, counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).flatMap(([name, count]) => (count === 0 ? [] : `${count} ${name}`));
  return parts.length === 0 ? "" : `${what}: ${parts.join(", ")}`;
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
