import { setTimeout as pause } from "node:timers/promises";
import { HoldfastError, isHoldfastError } from "@holdfast/core";
import { type LedgerEntry, problemToError, type RouteInput, type Routes, routes } from "@holdfast/model";
import type { Context } from "../context.ts";

/** Tries without any entry in between before giving up. */
const MOST_TRIES = 5;
const PAUSE_MILLISECONDS = 500;

type Query = NonNullable<RouteInput<Routes["exportLedger"]>["query"]>;

/**
 * Gives every entry that the query wants to `take`, in order, and goes on where a stream broke off.
 *
 * @throws HoldfastError when it cannot go on; the message says with which `--after` another try can.
 */
export async function exportEntries(
  { client, call }: Context,
  query: Query,
  take: (entry: LedgerEntry) => void,
): Promise<{ readonly completeFrom: string }> {
  let { after } = query;
  let tries = 0;
  for (;;) {
    try {
      for await (const line of client.stream(routes.exportLedger, { query: { ...query, after } }, call)) {
        if (line.type === "end") return line;
        if (line.type === "error") throw problemToError(line.problem);
        take(line.entry);
        after = line.entry.id;
        tries = 0;
      }
    } catch (error) {
      if (!isHoldfastError(error, "unavailable") || call.signal.aborted) throw error;
      if (++tries >= MOST_TRIES) throw brokenOff(error, after);
    }
    await pause(PAUSE_MILLISECONDS * tries, undefined, { signal: call.signal });
  }
}

function brokenOff(error: HoldfastError, after: string | undefined): HoldfastError {
  const remedy = after === undefined ? "nothing was exported" : `go on with --after ${after}`;
  return new HoldfastError("unavailable", `${error.message}; the export broke off: ${remedy}`, { cause: error });
}
