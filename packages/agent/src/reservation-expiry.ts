import { type Clock, errorText, type Logger } from "@holdfast/core";
import type { Book } from "./book.ts";
import type { LocalEndpoint } from "./local-endpoint.ts";
import { isDead, type Sandboxes } from "./sandboxes.ts";
import type { Takedown } from "./takedown.ts";

export interface ReservationExpiryDependencies {
  readonly book: Book;
  readonly takedown: Takedown;
  readonly sandboxes: Sandboxes;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Gives addresses back that nobody comes for any more: its runtime died between asking for them and attaching, or after an attachment that failed,
 * which it was told and has not followed up. Runs until aborted.
 */
export async function expireReservations(
  dependencies: ReservationExpiryDependencies,
  timeoutMilliseconds: number,
  signal: AbortSignal,
): Promise<void> {
  const { book, takedown, sandboxes, clock, logger } = dependencies;
  while (!signal.aborted) {
    const now = clock.now().getTime();
    const waiting = [...book.endpoints.values()].filter(isWaiting);
    for (const endpoint of waiting.filter(({ since }) => since + timeoutMilliseconds <= now)) {
      if (await mayBeLive(endpoint, sandboxes)) continue;
      // Its container may have come while another one was given back.
      const present = book.endpoints.get(endpoint.id);
      if (present === undefined || !isWaiting(present) || present.since !== endpoint.since) continue;
      await takedown
        .release(endpoint.id, reasonFor(present, timeoutMilliseconds), signal)
        .catch((error: unknown) =>
          logger.error("reservation not given back", { endpoint: endpoint.id, error: errorText(error) }),
        );
    }
    const rest = waiting.map(({ since }) => since + timeoutMilliseconds - now).filter((due) => due > 0);
    await clock.wait(Math.min(timeoutMilliseconds, ...rest), signal).catch(() => undefined);
  }
}

function isWaiting({ phase }: LocalEndpoint): boolean {
  return phase === "reserved" || phase === "detached" || phase === "failed";
}

/** An attachment that failed has never got into a sandbox; should it have one all the same, that one must be gone. */
async function mayBeLive({ phase, sandbox, workload }: LocalEndpoint, sandboxes: Sandboxes): Promise<boolean> {
  if (phase !== "failed" || sandbox === undefined) return false;
  return !isDead((await sandboxes.look([sandbox])).get(sandbox), workload.runtime);
}

function reasonFor({ phase }: LocalEndpoint, timeoutMilliseconds: number): string {
  const time = `${timeoutMilliseconds / 1000} s`;
  return phase === "failed"
    ? `its attachment failed, and its runtime did not give it back in ${time}`
    : `no container came for it in ${time}`;
}
