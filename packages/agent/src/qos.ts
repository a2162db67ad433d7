import { type Clock, errorText, type Logger, timeLimit } from "@holdfast/core";
import type { BoundEndpoint } from "@holdfast/model";
import type { Book } from "./book.ts";

/** Endpoints have the QoS that the controller has told last, also after a start without one. */
export interface QosFollower {
  /** What the controller says of an endpoint of this node; one that is on the wire has it soon after. */
  take(told: Told): Promise<void>;
}

type Told = Pick<BoundEndpoint, "id" | "qos">;

export interface QosDependencies {
  readonly book: Book;
  /** Resolves when the request for this endpoint, if one is under way, has ended and the book has what it gave. */
  readonly arrived: (endpoint: string) => Promise<void>;
  /** Attaches an endpoint that is on the wire again, with what the book has of it now. */
  readonly rewire: (endpoint: string, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Milliseconds for a change that nobody waits for. */
const APPLY_LIMIT = 20_000;

export function createQosFollower({ book, arrived, rewire, clock, logger }: QosDependencies): QosFollower {
  async function follow({ id, qos }: Told): Promise<void> {
    const endpoint = book.endpoints.get(id);
    if (endpoint === undefined || JSON.stringify(endpoint.qos) === JSON.stringify(qos)) return;
    const { qos: _, ...rest } = endpoint;
    await book.putEndpoint(qos === undefined ? rest : { ...rest, qos });
    // The feed goes on meanwhile; what the data path refuses it tries again by itself, and names in its status.
    void rewire(id, timeLimit(clock, APPLY_LIMIT)).catch((error: unknown) => {
      logger.warn("QoS of an endpoint is not in force", { endpoint: id, error: errorText(error) });
    });
  }

  return {
    async take(told) {
      if (book.endpoints.has(told.id)) return await follow(told);
      // An answer that is under way must not hold up what the feed says next.
      void arrived(told.id)
        .then(() => follow(told))
        .catch((error: unknown) => logger.warn("QoS not kept on disk", { endpoint: told.id, error: errorText(error) }));
    },
  };
}
