import type { ProgramId } from "@holdfast/policy";

/** Programs on their way into the data path, and who waits for news of policies. */
export interface PolicyArrivals {
  /** They were told, and the data path does not have them yet. */
  expect(programs: Iterable<ProgramId>): void;
  isExpected(program: ProgramId): boolean;
  /** The data path has what was expected, or has refused it. At once: who waits for it may be waited for by the rest of the change. */
  arrived(): void;
  /** Wakes all who wait: there is something to look at again. */
  tell(): void;
  /** Resolves with the next news. @throws the signal's reason when it is aborted */
  next(signal: AbortSignal): Promise<void>;
}

export function createPolicyArrivals(): PolicyArrivals {
  const onTheWay = new Set<ProgramId>();
  const waiting = new Set<() => void>();

  function tell(): void {
    for (const wake of [...waiting]) wake();
  }

  return {
    tell,
    expect(programs) {
      for (const program of programs) onTheWay.add(program);
    },
    isExpected: (program) => onTheWay.has(program),
    arrived() {
      onTheWay.clear();
      tell();
    },
    next: (signal) =>
      new Promise((resolve, reject) => {
        const done = () => {
          waiting.delete(done);
          signal.removeEventListener("abort", fail);
          resolve();
        };
        const fail = () => {
          waiting.delete(done);
          reject(signal.reason instanceof Error ? signal.reason : new TypeError("cancelled"));
        };
        signal.addEventListener("abort", fail, { once: true });
        waiting.add(done);
      }),
  };
}
