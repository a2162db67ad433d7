import { errorText, HoldfastError } from "@holdfast/core";
import { type BulkResult, type BulkResults, MOST_BULK_ITEMS } from "@holdfast/model";
import { parse } from "yaml";
import type { Context } from "../context.ts";
import { type CommandOptions, flag, text } from "../define-command.ts";
import { printList } from "../output/print.ts";
import type { Column } from "../output/table.ts";

/** Flags of commands that do something to many claims. */
export const bulkOptions = [
  [
    "-f, --file <file>",
    "YAML or JSON list of identities, or of objects with an identity; - reads standard input.",
    "file",
  ],
  [
    "--mode <mode>",
    "all: nothing is done when one is refused (default); each: what can be done is done.",
    ["all", "each"],
  ],
  ["--dry-run", "Only say what would be done."],
] as const;

/** Whether the command is about one claim only, and need not say what became of each. */
export function isSingle(identities: readonly string[], options: CommandOptions): boolean {
  return identities.length === 1 && ["file", "mode", "dryRun", "replicas"].every((name) => options[name] === undefined);
}

/** `redis` with `3` gives `redis-0`, `redis-1` and `redis-2`; without a number the names as they are. */
export function replicasOf(identities: readonly string[], options: CommandOptions): readonly string[] {
  const replicas = text(options, "replicas");
  if (replicas === undefined) return identities;
  const count = Number(replicas);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new HoldfastError("invalid_argument", `--replicas ${replicas} is not a whole number from 1`);
  }
  return identities.flatMap((identity) => Array.from({ length: count }, (_, index) => `${identity}-${index}`));
}

/**
 * What is named on the command line and in `--file`, one object each.
 *
 * @throws HoldfastError `invalid_argument`: nothing is named, or the file is no such list; it says where.
 */
export async function namedItems(
  { io }: Context,
  identities: readonly string[],
  options: CommandOptions,
): Promise<readonly { readonly identity: string }[]> {
  const file = text(options, "file");
  const items = [
    ...identities.map((identity) => ({ identity })),
    ...(file === undefined ? [] : itemsIn(file, await io.readFile(file))),
  ];
  if (items.length > 0) return items;
  throw new HoldfastError("invalid_argument", "name at least one identity, or a file of them with -f FILE");
}

function itemsIn(file: string, content: string): readonly { readonly identity: string }[] {
  const list = parsedYaml(file, content);
  if (!Array.isArray(list)) throw new HoldfastError("invalid_argument", `${file} is not a YAML or JSON list`);
  return list.map((item: unknown, index) => {
    if (typeof item === "string") return { identity: item };
    if (typeof item === "object" && item !== null && "identity" in item && typeof item.identity === "string") {
      return item as { readonly identity: string };
    }
    throw new HoldfastError(
      "invalid_argument",
      `${file}, entry ${index + 1}: neither a name nor an object with an identity`,
    );
  });
}

function parsedYaml(file: string, content: string): unknown {
  try {
    return parse(content);
  } catch (error) {
    throw new HoldfastError("invalid_argument", `${file}: ${errorText(error)}`);
  }
}

/** One request of a bulk operation. */
export interface BulkRequest<T> {
  readonly mode: "all" | "each";
  readonly dryRun: boolean;
  readonly items: readonly T[];
}

/**
 * Sends the items, prints what became of each (`done` is the word for success, e.g. `"claimed"`), and fails when any was refused. More
 * than one request can hold are sent one after the other, when they may be done each for itself.
 */
export async function runBulk<T>(
  { io, output }: Context,
  items: readonly T[],
  options: CommandOptions,
  { done, send }: { readonly done: string; readonly send: (request: BulkRequest<T>) => Promise<BulkResults> },
): Promise<void> {
  const mode = modeOf(options);
  const dryRun = flag(options, "dryRun") ?? false;
  if (flag(options, "detach") === true && items.length > MOST_BULK_ITEMS) {
    throw new HoldfastError(
      "invalid_argument",
      `--detach is for at most ${MOST_BULK_ITEMS} items, not ${items.length}`,
    );
  }
  const results: BulkResult[] = [];
  const step = mode === "all" ? items.length : MOST_BULK_ITEMS;
  for (let from = 0; from < items.length; from += step) {
    const answer = await send({ mode, dryRun, items: items.slice(from, from + step) });
    for (const result of answer.results) results.push(result);
  }
  printList(io, output, results, { columns: bulkColumns(dryRun ? `would be ${done}` : done), empty: "nothing to do" });
  const refused = results.filter(({ outcome }) => outcome === "refused").length;
  if (refused > 0) throw refusedError(refused, results.length, mode);
}

/** `done` is the word for success, e.g. `"claimed"`. */
export const bulkColumns = (done: string): readonly Column<BulkResult>[] => [
  { title: "IDENTITY", text: (one) => (one.outcome === "done" ? one.claim.identity : one.identity) },
  { title: "ADDRESS", text: (one) => (one.outcome === "done" ? one.claim.addresses.join(",") : "") },
  { title: "MAC", text: (one) => (one.outcome === "done" ? one.claim.mac : "") },
  { title: "OUTCOME", text: (one) => outcomeText(one, done) },
];

function outcomeText(result: BulkResult, done: string): string {
  switch (result.outcome) {
    case "done":
      return done;
    case "skipped":
      return "not done";
    case "refused":
      return `refused: ${result.problem.detail}`;
  }
}

function modeOf(options: CommandOptions): "all" | "each" {
  const mode = text(options, "mode") ?? "all";
  if (mode === "all" || mode === "each") return mode;
  throw new HoldfastError("invalid_argument", `--mode ${mode} is neither all nor each`);
}

function refusedError(refused: number, count: number, mode: "all" | "each"): HoldfastError {
  const rest = mode === "all" ? "nothing was done; --mode each does what can be done" : "the others are done";
  return new HoldfastError("conflict", `${refused} of ${count} refused; ${rest}`);
}
