import { isHoldfastError } from "@holdfast/core";

/**
 * Runs a batch operation so that a bad row fails alone: a batch that is refused is tried again in halves. Gives the rows that
 * failed with their errors.
 *
 * A target that cannot be reached is nobody's fault in particular; then all rows of the batch have failed.
 */
export async function inHalves<T>(
  rows: readonly T[],
  operation: (rows: readonly T[]) => Promise<void>,
  signal: AbortSignal,
): Promise<ReadonlyMap<T, unknown>> {
  if (rows.length === 0) return new Map();
  try {
    signal.throwIfAborted();
    await operation(rows);
    return new Map();
  } catch (error) {
    if (rows.length === 1 || signal.aborted || isHoldfastError(error, "unavailable")) {
      return new Map(rows.map((row) => [row, error]));
    }
  }
  const middle = Math.ceil(rows.length / 2);
  const first = await inHalves(rows.slice(0, middle), operation, signal);
  const second = await inHalves(rows.slice(middle), operation, signal);
  return new Map([...first, ...second]);
}
