import { type Clock, errorText, type Logger } from "@holdfast/core";
import type { Phase } from "@holdfast/model";
import type { Book } from "./book.ts";
import { advance, type LocalEndpoint } from "./local-endpoint.ts";

/** The one way in which an endpoint of this node changes: phase checked, time and actor noted, on disk, and the reporter told. */
export interface EndpointChanges {
  /** Resolves when it is on disk. @throws HoldfastError `conflict` for an illegal step. */
  step(id: string, phase: Phase, change?: StepChange): Promise<LocalEndpoint>;
  /**
   * The same without waiting for the disk: for steps that a restarted agent takes again by itself. Writes are kept in order, so that a later
   * {@link step} that is on disk has this one with it.
   */
  pass(id: string, phase: Phase, change?: StepChange): LocalEndpoint;
}

export interface StepChange {
  readonly reason?: string;
  readonly actor?: string;
  /** Fields that change with the step. */
  readonly fields?: Partial<LocalEndpoint>;
}

export interface EndpointChangesDependencies {
  readonly book: Book;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly reported: (id: string) => void;
}

export function createEndpointChanges(dependencies: EndpointChangesDependencies, node: string): EndpointChanges {
  const { book, clock, reported, logger } = dependencies;

  function take(id: string, phase: Phase, change: StepChange): { after: LocalEndpoint; written: Promise<void> } {
    const before = book.endpoints.get(id);
    if (before === undefined) throw new TypeError(`bug: endpoint ${id} is not in the book`);
    const { reason, actor = `node/${node}`, fields = {} } = change;
    const step = { at: clock.now(), actor, ...(reason === undefined ? {} : { reason: reason.slice(0, 1000) }) };
    const after = { ...advance(before, phase, step), ...fields };
    const written = book.putEndpoint(after);
    reported(id);
    return { after, written };
  }

  return {
    async step(id, phase, change = {}) {
      const { after, written } = take(id, phase, change);
      await written;
      return after;
    },
    pass(id, phase, change = {}) {
      const { after, written } = take(id, phase, change);
      void written.catch((error: unknown) => {
        logger.error("endpoint's step not kept", { endpoint: id, phase, error: errorText(error) });
      });
      return after;
    },
  };
}
