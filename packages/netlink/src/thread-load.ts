/** How much work that wants its thread is under way at the same time. */
export interface ThreadLoad {
  /** Counts a piece of work until it has ended. */
  during<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Whether others wait for the thread: then the kernel had better do elsewhere what keeps it for long. That takes a little longer for who asked, so a
   * thread with one thing to do does it at once.
   */
  readonly isBusy: () => boolean;
}

export function createThreadLoad(): ThreadLoad {
  let underWay = 0;
  return {
    async during(work) {
      underWay++;
      try {
        return await work();
      } finally {
        underWay--;
      }
    },
    isBusy: () => underWay > 1,
  };
}
