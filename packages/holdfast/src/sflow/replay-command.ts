import { existsSync } from "node:fs";
import { type CommandDefinition, flag, printObject, text } from "@holdfast/cli";
import { collectorOptions } from "@holdfast/collector/config";
import { HoldfastError } from "@holdfast/core";
import { rangeOf, rangeOptions, streamOptions } from "./recording.ts";

const SFLOW_PORT = 6343;

export const replayCommand: CommandDefinition = {
  name: "replay",
  summary:
    "Read datagrams again, of a capture or of what the stream of Redis still has, into a store of their own, as a collector did when they came.",
  args: [["[file]", "pcap or pcapng, e.g. of sflow save; - reads standard input. Absent: the stream.", "file"]],
  options: [
    ["!--store <file>", "File for the flows; must not be there yet. A collector then answers from it.", "file"],
    ...streamOptions,
    ...rangeOptions,
    ["--port <number>", "The UDP port that the capture's datagrams were sent to. Absent: 6343."],
    ["--prefixes <list>", "Names of prefixes outside, as of the collector, e.g. office=192.0.2.0/24."],
    ["--no-names", "Ask no controller for names: only prefixes have some."],
  ],
  examples: [
    "sflow replay --store hour.db --from '1h ago'",
    "sflow replay sflow.pcap --store capture.db --no-names",
    "collector --store hour.db --listen 127.0.0.1:0 --status 127.0.0.1:4656",
  ],
  async run(context, [file], options) {
    const { io, output } = context;
    const range = rangeOf(options, io.now());
    const store = text(options, "store") ?? "";
    if (existsSync(store)) {
      const remedy = "name another file: what is replayed into a store that has it already would be there twice";
      throw new HoldfastError("conflict", `${store} is there already; ${remedy}`);
    }
    const { replayInto } = await import("./replayed.ts");
    const summary = await replayInto(store, {
      prefixes: collectorOptions.prefixes.parse(text(options, "prefixes") ?? ""),
      client: flag(options, "names") === false ? undefined : context.client,
      signal: io.signal,
      source:
        file === undefined
          ? { options, range }
          : { chunks: io.readBytes(file), port: portOf(text(options, "port")), range },
    });
    const { datagrams, samples, windows, refused, first, last } = summary;
    const span = first === undefined || last === undefined ? "" : ` of ${timeText(first)} to ${timeText(last)}`;
    const read = `${datagrams} datagrams${span}: ${samples} samples in ${windows} windows, ${refused} refused`;
    printObject(io, output, { store, ...summary }, `${read}\nflows are in ${store}\n`);
  },
};

function portOf(words: string | undefined): number {
  const port = words === undefined ? SFLOW_PORT : Number(words);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new HoldfastError("invalid_argument", `--port ${words} is no UDP port; it is a number from 1 to 65535`);
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}
