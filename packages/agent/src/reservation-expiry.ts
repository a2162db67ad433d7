import { type Clock, errorText, type Logger } from "@holdfast/core";
import type { Book } from "./book.ts";
import type { LocalEndpoint } from "./local-endpoint.ts";
import type { Takedown } from "./takedown.ts";

export interface ReservationExpiryDependencies {
  readonly book: Book;
  readonly takedown: Takedown;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Gives addresses back whose container never came: its runtime died between asking for them and attaching. Runs until aborted. */
export async function expireReservations(
  dependencies: ReservationExpiryDependencies,
  timeoutMilliseconds: number,
  signal: AbortSignal,
): Promise<void> {
  const { book, takedown, clock, logger } = dependencies;
  while (!signal.aborted) {
    const now = clock.now().getTime();
    const waiting = [...book.endpoints.values()].filter(isWaiting);
    for (const endpoint of waiting.filter(({ since }) => since + timeoutMilliseconds <= now)) {
      // Its container may have come while another one was given back.
      const present = book.endpoints.get(endpoint.id);
      if (present === undefined || !isWaiting(present) || present.since !== endpoint.since) continue;
      await takedown
        .release(endpoint.id, `no container came for it in ${timeoutMilliseconds / 1000} s`, signal)
        .catch((error: unknown) =>
          logger.error("reservation not given back", { endpoint: endpoint.id, error: errorText(error) }),
        );
    }
    const rest = waiting.map(({ since }) => since + timeoutMilliseconds - now).filter((due) => due > 0);
    await clock.wait(Math.min(timeoutMilliseconds, ...rest), signal).catch(() => undefined);
  }
}

function isWaiting({ phase }: LocalEndpoint): boolean {
  return phase === "reserved" || phase === "detached";
}
