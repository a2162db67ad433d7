import type { Client } from "@holdfast/client";
import { backoff, type Clock, createWatchdog, errorText, type Logger } from "@holdfast/core";
import { type PolicyDrops, policyDropsKey, routes } from "@holdfast/model";
import type { Dropped } from "./dropped.ts";

/** Follows what rules and guards drop, as nodes tell a controller. */
export interface DropFollower {
  /** Runs until the signal is aborted; reconnects by itself. */
  run(signal: AbortSignal): Promise<void>;
  /** What was dropped since the last call, as far as it is known: what drops while nobody is connected is told with the next news of the same controller. */
  drain(): readonly Dropped[];
  /** Undefined: it hears no controller now. */
  heard(): HeardDrops | undefined;
}

/** The time of which all is known that was dropped, as far as nodes have told it, in milliseconds since 1970. */
export interface HeardDrops {
  /** It was connected all the time since. */
  readonly since: number;
  /** When it heard last. */
  readonly until: number;
}

/** Milliseconds without a word: several beats of the controller. */
const SILENCE = 30_000;
/** More wait until windows take them again; beyond it, the oldest go. */
const MOST_WAITING = 100_000;

export function createDropFollower({
  client,
  clock,
  logger,
}: {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
}): DropFollower {
  let run: string | undefined;
  /** Totals of that life of a controller. */
  let known = new Map<string, Pick<PolicyDrops, "packets" | "bytes">>();
  /** All totals of that life have been heard once: what more there is has dropped since. */
  let isWhole = false;
  /** By the connection that there is now. */
  let heard: HeardDrops | undefined;
  let waiting: Dropped[] = [];

  /** @param isFirst of a life that is not known: it may have dropped that long ago */
  function take(drops: PolicyDrops, isFirst: boolean): void {
    const { packets, bytes, ...key } = drops;
    const name = policyDropsKey(drops);
    const before = known.get(name) ?? { packets: 0, bytes: 0 };
    known.set(name, { packets, bytes });
    // Less than before: it was forgotten, and has begun anew.
    const since = packets < before.packets ? { packets: 0, bytes: 0 } : before;
    if (isFirst || packets === since.packets) return;
    const grown = { packets: packets - since.packets, bytes: Math.max(0, bytes - since.bytes) };
    waiting.push({ ...key, at: clock.now().getTime(), ...grown });
    if (waiting.length > 2 * MOST_WAITING) waiting = waiting.slice(-MOST_WAITING);
  }

  async function follow(outer: AbortSignal): Promise<void> {
    const watchdog = createWatchdog(clock, SILENCE, outer);
    try {
      for await (const message of client.stream(routes.followDrops, {}, { signal: watchdog.signal })) {
        watchdog.watch();
        if (message.type === "error") throw new Error(message.problem.detail);
        if (message.type !== "bookmark" && message.run !== run) {
          [run, known, isWhole] = [message.run, new Map(), false];
        }
        if (message.type !== "totals") {
          const until = clock.now().getTime();
          isWhole = true;
          heard = { since: heard?.since ?? until, until };
        }
        if (message.type === "bookmark") continue;
        for (const drops of message.drops) take(drops, !isWhole);
      }
    } finally {
      heard = undefined;
      watchdog.rest();
    }
  }

  return {
    async run(signal) {
      for (let attempt = 0; !signal.aborted; attempt++) {
        const began = clock.monotonic();
        try {
          await follow(signal);
        } catch (error) {
          if (signal.aborted) return;
          if (clock.monotonic() - began > SILENCE) attempt = 0;
          logger.debug("drops do not follow the controller", { error: errorText(error) });
        }
        await clock.wait(backoff(attempt), signal).catch(() => undefined);
      }
    },
    drain() {
      const drained = waiting;
      waiting = [];
      return drained;
    },
    heard: () => heard,
  };
}
