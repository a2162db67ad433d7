import { type Clock, HoldfastError, isHoldfastError } from "@holdfast/core";
import type { ConsumerGroup, Delivery } from "./consumer-group.ts";
import type { Lease } from "./lease.ts";
import type { StreamWindows } from "./stream-windows.ts";

/** Reads a stream as long as it may. */
export interface Reader {
  /** Resolves when the stream is ours. Rejects with the signal's reason. */
  hold(signal: AbortSignal): Promise<void>;
  /**
   * Keeps the stream ours until something is known that is waited for before it is read, and gives that.
   *
   * @throws HoldfastError `conflict`: another reader has the stream now
   */
  keepUntil<T>(known: Promise<T>, signal: AbortSignal): Promise<T>;
  /**
   * Reads until it is told not to.
   *
   * @throws HoldfastError `conflict`: another reader has the stream now. What was read and not acknowledged is the other one's.
   */
  run(windows: StreamWindows, signal: AbortSignal): Promise<void>;
  /** The store has a window. Never fails: what Redis is not told now, it is told later. */
  acknowledge(ids: readonly string[], checkpoint: string): Promise<void>;
  /** A window was kept: there may be room for more. */
  proceed(): void;
  /** Whether there is nothing to read that it has not read. */
  readonly isInStep: boolean;
}

export interface ReaderDependencies {
  readonly clock: Clock;
  readonly group: ConsumerGroup;
  readonly lease: Lease;
}

/** Milliseconds. */
const RETRY_AFTER = 250;
const STANDBY_AFTER = 1000;
const RENEW_AFTER = 1000;
/** Receivers come back to a Redis that was away some time after this reader; until then an empty stream does not say that nothing came. */
const RETURN_MS = 5000;
/** That a datagram may take from the socket to the stream. */
const TRANSIT_MS = 500;
/** So many windows wait for the store before reading does. */
const MOST_UNKEPT = 4;

export function createReader({ clock, group, lease }: ReaderDependencies, settleMs: number): Reader {
  /** That the store has and Redis has not been told of. */
  let unacknowledged: string[] = [];
  let reached: string | undefined;
  let room = Promise.withResolvers<void>();
  let renewAt = 0;
  let inStepSince: number | undefined;
  let connectedAt = clock.monotonic();
  const now = (): number => clock.now().getTime();

  async function renew(): Promise<void> {
    if (clock.monotonic() < renewAt) return;
    const isOurs = await lease.hold();
    renewAt = clock.monotonic() + RENEW_AFTER;
    if (isOurs) return;
    throw new HoldfastError("conflict", `${lease.holder} reads the stream now; this reader was silent for too long`);
  }

  /** A Redis that is away takes it from us only when another one has it after that. */
  async function keepRenewing(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await renew().catch((error: unknown) => {
        if (!isHoldfastError(error, "unavailable")) throw error;
      });
      await clock.wait(RENEW_AFTER, signal).catch(() => undefined);
    }
  }

  async function tellKept(): Promise<void> {
    if (reached === undefined) return;
    const ids = unacknowledged;
    unacknowledged = [];
    try {
      await group.acknowledge(ids, reached);
    } catch {
      unacknowledged = [...ids, ...unacknowledged];
    }
  }

  /** Until the store has room for another window. */
  async function wantRoom(windows: StreamWindows, signal: AbortSignal): Promise<void> {
    while (windows.unkept >= MOST_UNKEPT && !signal.aborted) {
      room = Promise.withResolvers<void>();
      await Promise.race([room.promise, clock.wait(RENEW_AFTER, signal).catch(() => undefined)]);
      await renew();
    }
  }

  /** One receiver whose clock is ahead keeps nobody from the datagrams of the others: what is in the stream has come by now. */
  function notAhead(delivery: Delivery): Delivery {
    const { entry } = delivery;
    return entry === undefined || entry.at <= now() ? delivery : { ...delivery, entry: { ...entry, at: now() } };
  }

  /** Until it has been in the stream long enough. */
  async function settle({ entry }: Delivery, signal: AbortSignal): Promise<void> {
    for (const due = (entry?.at ?? 0) + settleMs; now() < due && !signal.aborted; ) {
      await clock.wait(Math.min(due - now(), RENEW_AFTER), signal).catch(() => undefined);
      await renew();
    }
  }

  async function takeAll(deliveries: readonly Delivery[], windows: StreamWindows, signal: AbortSignal): Promise<void> {
    for (const delivery of deliveries.map(notAhead)) {
      await wantRoom(windows, signal);
      await settle(delivery, signal);
      if (signal.aborted) return;
      windows.take(delivery);
      await renew();
    }
  }

  /** What was given and not acknowledged first: to us before the connection was lost, or to a reader that is no more. */
  async function readOn(windows: StreamWindows, signal: AbortSignal): Promise<void> {
    await renew();
    await group.ensure();
    for await (const deliveries of group.claim()) await takeAll(deliveries, windows, signal);
    await tellKept();
    connectedAt = clock.monotonic();
    while (!signal.aborted) {
      const deliveries = await group.read();
      inStepSince = deliveries.length === 0 ? (inStepSince ?? clock.monotonic()) : undefined;
      await takeAll(deliveries, windows, signal);
      await wantRoom(windows, signal);
      const isTold = clock.monotonic() - connectedAt >= RETURN_MS;
      if (deliveries.length === 0 && isTold) windows.advance(now() - Math.max(settleMs, TRANSIT_MS));
      await renew();
    }
  }

  return {
    async hold(signal) {
      for (;;) {
        signal.throwIfAborted();
        const isOurs = await lease.hold().catch(() => false);
        if (isOurs) return;
        await clock.wait(STANDBY_AFTER, signal);
      }
    },
    async keepUntil(known, signal) {
      const ending = new AbortController();
      const either = AbortSignal.any([signal, ending.signal]);
      try {
        return await Promise.race([known, keepRenewing(either).then(() => known)]);
      } finally {
        ending.abort();
      }
    },
    async run(windows, signal) {
      while (!signal.aborted) {
        try {
          await readOn(windows, signal);
        } catch (error) {
          if (!isHoldfastError(error) || error.code !== "unavailable") throw error;
          inStepSince = undefined;
          await clock.wait(RETRY_AFTER, signal).catch(() => undefined);
        }
      }
    },
    async acknowledge(ids, checkpoint) {
      unacknowledged.push(...ids);
      reached = checkpoint;
      await tellKept();
    },
    proceed: () => room.resolve(),
    get isInStep() {
      return inStepSince !== undefined;
    },
  };
}
