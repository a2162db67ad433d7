import type { Logger } from "@holdfast/core";

/** What is not as it should be, in the log once as long as the reason stays the same. */
export interface Complaints {
  /** About a docker network by its name, or an endpoint by its id. */
  sayOnce(about: string, reason: string): void;
  forget(about: string): void;
  /** Forgets the others. */
  keep(isOfInterest: (about: string) => boolean): void;
}

export function createComplaints(logger: Logger): Complaints {
  const said = new Map<string, string>();
  return {
    sayOnce(about, reason) {
      if (said.get(about) === reason) return;
      said.set(about, reason);
      logger.warn("docker is not as it should be", { about, reason });
    },
    forget(about) {
      said.delete(about);
    },
    keep(isOfInterest) {
      for (const about of [...said.keys()]) if (!isOfInterest(about)) said.delete(about);
    },
  };
}
