import { HoldfastError, isHoldfastError } from "@holdfast/core";
import { parseTrafficFilter, trafficFieldNames } from "@holdfast/flow";
import type { Context } from "../context.ts";
import { type CommandOptions, text } from "../define-command.ts";
import { parseMoment } from "../moment.ts";

/** What all questions about flows take. */
export const rangeOptions = [
  ["--last <duration>", "How far to look back, e.g. 90s, 15m, 2h or 7d. Absent: 15m."],
  ["--from <time>", "From then on, e.g. '2h ago' or 'yesterday 14:05', in this machine's time zone."],
  ["--to <time>", "Before then. Absent: until now."],
] as const;

export const countedRangeOptions = [
  [
    "--last <duration>",
    "Only what was counted in this time, e.g. 15m or 2h. Absent: all, since each port was first heard of.",
  ],
  ...rangeOptions.slice(1),
] as const;

export const byOption = (fallback: string, fields: readonly string[] = trafficFieldNames) =>
  [
    "--by <fields>",
    `What to tell apart, with commas between: ${fields.join(", ")}. Absent: ${fallback}.`,
    fields,
  ] as const;

export const measureOption = [
  "--measure <measure>",
  "What the order is by: bytes or packets. Absent: bytes.",
  ["bytes", "packets"],
] as const;

/** `identity=redis-0 service=6379`, in one word or several. */
export const filterArgument = [
  "[filter...]",
  "Which traffic, e.g. identity=redis-0 service=6379 or 'peer.prefix=office or not protocol=tcp'.",
  trafficFieldNames.map((name) => `${name}=`),
] as const;

/** Why a filter is not one: with the place below it, for people who look at a terminal. */
export function filterOf(words: readonly string[]): string | undefined {
  const filter = words.join(" ");
  try {
    parseTrafficFilter(filter);
  } catch (error) {
    if (!isHoldfastError(error) || typeof error.details.at !== "number") throw error;
    const pointed = `${error.message}\n  ${filter}\n  ${" ".repeat(error.details.at - 1)}^`;
    throw new HoldfastError(error.code, pointed, { details: error.details, cause: error });
  }
  return filter === "" ? undefined : filter;
}

export function rangeOf({ io }: Context, options: CommandOptions) {
  const [last, from, to] = [text(options, "last"), text(options, "from"), text(options, "to")];
  const moment = (words: string | undefined): string | undefined =>
    words === undefined ? undefined : parseMoment(words, io.now()).toISOString();
  return { last, from: moment(from), to: moment(to) };
}
