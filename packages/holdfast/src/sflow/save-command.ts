import { open } from "node:fs/promises";
import { type CommandDefinition, printObject } from "@holdfast/cli";
import { errorText, HoldfastError } from "@holdfast/core";
import { rangeOf, rangeOptions, streamOptions } from "./recording.ts";

const SFLOW_PORT = 6343;

export const saveCommand: CommandDefinition = {
  name: "save",
  summary:
    "Save the datagrams that the stream of Redis still has to a capture file; readers of the stream do not notice.",
  args: [["<file>", "pcap; must not be there yet.", "file"]],
  options: [...streamOptions, ...rangeOptions],
  examples: [
    "sflow save sflow.pcap --redis redis://192.0.2.7:6379",
    "sflow save night.pcap --from 'yesterday 22:00' --to 'today 06:00'",
    "flows decode sflow.pcap -o table",
  ],
  async run({ io, output }, [file = ""], options) {
    const { captureOf, recordedInNamedStream } = await import("./recorded.ts");
    const range = rangeOf(options, io.now());
    const counts = { datagrams: 0, bytes: 0 };
    await using target = await openNew(file);
    for await (const piece of captureOf(recordedInNamedStream(options, range), SFLOW_PORT, counts)) {
      io.signal.throwIfAborted();
      await target.write(piece);
    }
    printObject(io, output, { file, ...counts }, `${counts.datagrams} datagrams saved to ${file}\n`);
  },
};

/** @throws HoldfastError `conflict` when it is there, `unavailable` when it cannot be made */
async function openNew(file: string) {
  try {
    return await open(file, "wx");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST")
      throw new HoldfastError("conflict", `${file} is there already; name another file, or remove it`, {
        cause: error,
      });
    throw new HoldfastError("unavailable", `cannot write ${file}: ${errorText(error)}`, { cause: error });
  }
}
