import type { Clock } from "./clock.ts";

/**
 * A signal that aborts after this time by the given clock, with the `TimeoutError` that `AbortSignal.timeout` has, or as soon as one of the
 * others does. Never keeps a process alive by itself.
 */
export function timeLimit(clock: Clock, milliseconds: number, ...others: readonly AbortSignal[]): AbortSignal {
  const limit = new AbortController();
  const either = AbortSignal.any([limit.signal, ...others]);
  clock.wait(milliseconds, either).then(
    () => limit.abort(new DOMException(`it took longer than ${milliseconds} ms`, "TimeoutError")),
    () => undefined,
  );
  return either;
}
