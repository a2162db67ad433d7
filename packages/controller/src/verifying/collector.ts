import { errorText } from "@holdfast/core";
import type { VerificationMessage } from "@holdfast/model";
import type { Platform } from "../platform.ts";
import type { Verifier } from "./verifier.ts";

/** The job that verifies and repairs by itself, slowly. At any time one controller of a store does it. */
export interface Collector {
  /** Runs until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

/** Milliseconds. */
export interface CollectorOptions {
  readonly interval: number;
  /** As the verifier's: after it, what was seen for the first time may be proven. */
  readonly grace: number;
}

const LEADER = "leaders/collector";
/** Longer than a controller stays away in a restart would be of no use: the next round comes anyway. */
const LEASE_MILLISECONDS = 60_000;
/** Nodes are looked at in every round, the book itself, which only damage can put out of order, in every twelfth. */
const BOOK_EVERY = 12;
const SHARE = 0.1;

export function createCollector(
  { platform, verifier }: { readonly platform: Platform; readonly verifier: Verifier },
  { interval, grace }: CollectorOptions,
): Collector {
  const { store, clock, logger } = platform;
  let rounds = 0;

  /** Runs the work unless another controller does; keeps the lease while messages come. */
  async function alone(signal: AbortSignal, work: () => AsyncIterable<VerificationMessage>): Promise<End | undefined> {
    const lease = await store.grantLease(LEASE_MILLISECONDS);
    try {
      const operations = [{ kind: "put" as const, key: LEADER, value: "{}", lease: lease.id }];
      const taken = await store.commit({ conditions: [{ key: LEADER, revision: 0 }], operations });
      if (taken.kind === "conflict") return undefined;
      let renewed = clock.monotonic();
      for await (const message of work()) {
        if (message.kind === "end") return message;
        if (message.kind === "difference") log(message);
        if (clock.monotonic() - renewed < LEASE_MILLISECONDS / 3) continue;
        await lease.keepAlive();
        renewed = clock.monotonic();
        signal.throwIfAborted();
      }
      return undefined;
    } finally {
      await lease.revoke();
    }
  }

  function log({ difference }: Extract<VerificationMessage, { kind: "difference" }>): void {
    const { kind, object, book, world, outcome, proven } = difference;
    if (outcome !== undefined)
      logger.warn("difference between book and world", { kind, object, book, world, ...outcome });
    else if (proven) logger.warn("difference that nobody can repair by himself", { kind, object, book, world });
  }

  /** Gives the milliseconds until the next. */
  async function round(signal: AbortSignal): Promise<number> {
    const nodesOnly = rounds % BOOK_EVERY !== 0;
    const how = { fix: true, actor: "controller/gc", share: SHARE, signal };
    const end = await alone(signal, () => verifier.round({ nodesOnly }, how));
    if (end === undefined) return interval;
    // What the book has seen for the first time is looked at again by the same kind of round.
    if (end.again === 0) rounds++;
    if (end.repaired > 0) logger.info("repaired", { repaired: end.repaired, differences: end.differences });
    return end.again > 0 ? Math.min(interval, grace) : interval;
  }

  return {
    async run(signal) {
      for (let pause = interval; !signal.aborted; ) {
        // The wait ends early only when the controller stops.
        await clock.wait(pause, signal).catch(() => undefined);
        if (signal.aborted) return;
        pause = await round(signal).catch((error: unknown) => {
          if (!signal.aborted) logger.warn("verification failed; trying again later", { error: errorText(error) });
          return interval;
        });
      }
    },
  };
}

type End = Extract<VerificationMessage, { kind: "end" }>;
