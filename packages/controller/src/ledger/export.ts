import { once } from "node:events";
import type { Writable } from "node:stream";
import { errorText, HoldfastError, isHoldfastError } from "@holdfast/core";
import { type LedgerExportLine, problemOf } from "@holdfast/model";
import type { LedgerFilter, LedgerReader } from "./reading.ts";

/**
 * Writes the entries that a reader wants, a line each, and a last line that says that these are all. Reads on only when the other side has kept
 * up: however long the ledger, a few hundred entries are in memory.
 */
export async function exportInto(
  output: Writable,
  reader: LedgerReader,
  filter: LedgerFilter,
  signal: AbortSignal,
): Promise<void> {
  const say = async (line: LedgerExportLine): Promise<void> => {
    if (output.write(`${JSON.stringify(line)}\n`) || signal.aborted) return;
    // The signal ends the wait, and is looked at below.
    await once(output, "drain", { signal }).catch(() => undefined);
  };
  let entries = 0;
  try {
    for await (const entry of reader.read(filter)) {
      if (signal.aborted) return;
      await say({ type: "entry", entry });
      entries += 1;
    }
    await say({ type: "end", entries, completeFrom: await reader.completeFrom() });
  } catch (error) {
    const known = isHoldfastError(error) ? error : new HoldfastError("internal", errorText(error), { cause: error });
    await say({ type: "error", problem: problemOf(known) });
  }
}
