import { type CommandOptions, parseMoment, text } from "@holdfast/cli";
import type { RecordedRange } from "@holdfast/collector";
import { collectorOptions } from "@holdfast/collector/config";
import { HoldfastError } from "@holdfast/core";

/** Options that say which stream, and which part of it; what is not said is as the collector of this machine has it. */
export const streamOptions = [
  ["--redis <url>", "Redis that has the stream. Absent: as the collector's configuration says."],
  ["--redis-password-file <file>", "File whose first line is the password for Redis.", "file"],
  ["--redis-ca-file <file>", "PEM file of who signs the certificate of Redis.", "file"],
  [
    "--redis-stream <key>",
    `Key of the stream. Absent: as the collector's configuration says, else ${collectorOptions.redisStream.fallback}.`,
  ],
] as const;

export const rangeOptions = [
  [
    "--from <time>",
    "From then on, e.g. '2h ago' or 'yesterday 14:05', in this machine's time zone. Absent: all there is.",
  ],
  ["--to <time>", "Before then. Absent: until now."],
] as const;

/** @throws HoldfastError `invalid_argument` */
export function rangeOf(options: CommandOptions, now: Date): RecordedRange {
  const moment = (name: string): number | undefined => {
    const words = text(options, name);
    return words === undefined ? undefined : parseMoment(words, now).getTime();
  };
  const range = { from: moment("from") ?? 0, to: moment("to") ?? Number.POSITIVE_INFINITY };
  if (range.from < range.to) return range;
  throw new HoldfastError("invalid_argument", "from: there is no time between the beginning and the end");
}
