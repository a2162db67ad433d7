import {
  backoff,
  type Clock,
  createTurns,
  errorText,
  HoldfastError,
  isHoldfastError,
  type Logger,
  timeLimit,
} from "@holdfast/core";
import { emptyAnswer } from "../query/slot-sums.ts";
import { type Segment, segmentsOf } from "../store/segments.ts";
import type { FlowStore, TierSettings } from "../store/store.ts";
import { addWindow, nothingTaken } from "../store/taken.ts";
import type { TrafficWindow } from "../windows/traffic.ts";
import type { ServerAccess } from "./access.ts";
import { type Catalog, openCatalog } from "./catalog.ts";
import { askCounts } from "./counts.ts";
import { askDrops } from "./drops.ts";
import { allOf, anyOf, type Query } from "./predicate-query.ts";
import { askSamples } from "./samples.ts";
import type { Search } from "./searching.ts";
import { createSearchServer } from "./server.ts";
import { askSums } from "./sums.ts";

export interface SearchStoreDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A text that no other process makes. */
  readonly nonce: () => string;
}

export interface SearchStoreOptions extends ServerAccess {
  /** What names of data streams begin with; of this collector alone. */
  readonly prefix: string;
  readonly tiers: TierSettings;
  /** Name of this machine. */
  readonly host: string;
}

/** Why nothing is taken, since when for people, and since when by the clock that only grows. */
interface Failing {
  readonly reason: string;
  readonly since: number;
  readonly at: number;
}

/** Milliseconds for which a window is tried again and again; in an outage that is longer already, windows are tried once. */
const OUTAGE = 60_000;
/** Milliseconds that a question may take; who asks waits no longer. */
const PATIENCE = 25_000;
/** Milliseconds for which a window waits for roll-ups, which then go on beside the next ones. */
const KEEP_UP_PATIENCE = 5000;

/**
 * Keeps traffic in data streams of OpenSearch or Elasticsearch. The cluster need not be there when the collector starts: windows are tried for a minute, those of a
 * longer outage are counted as lost, and `state().failing` says why.
 *
 * @throws HoldfastError `invalid_argument`: what is said of access is not whole, or a file cannot be read
 */
export function createSearchStore(dependencies: SearchStoreDependencies, options: SearchStoreOptions): FlowStore {
  const { clock, logger } = dependencies;
  const { prefix, tiers, host } = options;
  const server = createSearchServer(clock, options);
  const run = dependencies.nonce();
  const turns = createTurns();
  const closing = new AbortController();
  const [taken, lost] = [nothingTaken(), nothingTaken()];
  /** Windows of this run that no stream gives: no two have the same number, whichever catalog is open. */
  let windows = 0;
  let newest: number | undefined;
  let failing: Failing | undefined;
  let catalog: Catalog | undefined;
  let isDisplaced = false;
  let due: TrafficWindow | undefined;
  let keepingUp: Promise<void> | undefined;

  /** @throws HoldfastError like the cluster */
  function opened(): Promise<Catalog> {
    return turns.take("open", async () => {
      if (closing.signal.aborted) throw new HoldfastError("unavailable", "the flow store is closed");
      catalog ??= await openCatalog({ clock, server }, { prefix, tiers, run, host, mayFollow: !isDisplaced });
      return catalog;
    });
  }

  /** Opened, and held against other collectors. */
  async function heldWithin(patience: number): Promise<Catalog> {
    const until = clock.monotonic() + patience;
    for (let attempt = 0; ; attempt++) {
      try {
        const found = await opened();
        await found.holder.renew();
        return found;
      } catch (error) {
        note(errorText(error));
        if (isHoldfastError(error, "conflict")) {
          // Whoever has taken over has written since: what is there is looked for again.
          [catalog, isDisplaced] = [undefined, true];
        }
        if (clock.monotonic() >= until || closing.signal.aborted) throw error;
        await clock.wait(backoff(attempt, { first: 100 }), closing.signal);
      }
    }
  }

  /** A stream gives a window again until it is kept, also to the process after this one. */
  function idOf({ origin, start }: TrafficWindow): string {
    return origin === undefined ? `${run}-${++windows}` : `${origin.stream}-${start}`;
  }

  async function take(window: TrafficWindow): Promise<void> {
    const id = idOf(window);
    const patience = failing !== undefined && clock.monotonic() - failing.at >= OUTAGE ? 0 : OUTAGE;
    try {
      const to = await heldWithin(patience);
      const { rows, samples } = await to.take(window, { id, patience, signal: closing.signal, onTrouble: note });
      addWindow(taken, window);
      leaveOut(rows.refused, samples.refused, rows.reason ?? samples.reason);
    } catch (error) {
      // A stream gives it again.
      if (window.origin === undefined) addWindow(lost, window);
      note(errorText(error));
      throw isHoldfastError(error) ? error : broken(errorText(error));
    }
    newest = window.start + window.seconds * 1000;
    if (failing !== undefined) logger.info("the flow store takes traffic again", { store: server.name });
    failing = undefined;
    await keepUp(window);
  }

  function leaveOut(rows: number, samples: number, reason: string | undefined): void {
    if (rows + samples === 0) return;
    taken.rows -= rows;
    taken.samples -= samples;
    lost.rows += rows;
    lost.samples += samples;
    logger.error("the flow store refused some of a window", { rows, samples, error: reason ?? "" });
  }

  /** What takes long goes on while the next windows come. */
  async function keepUp(window: TrafficWindow): Promise<void> {
    due = window;
    keepingUp ??= keepUpWithAll().finally(() => {
      keepingUp = undefined;
    });
    const done = new AbortController();
    const late = clock.wait(KEEP_UP_PATIENCE, AbortSignal.any([done.signal, closing.signal])).catch(() => undefined);
    await Promise.race([keepingUp, late]);
    done.abort();
  }

  async function keepUpWithAll(): Promise<void> {
    while (due !== undefined && !closing.signal.aborted) {
      const { start, seconds } = due;
      due = undefined;
      try {
        const of = await opened();
        const written = await of.keepUp(Math.floor(start / 1000), start + seconds * 1000, closing.signal);
        if (written.refused > 0) {
          logger.error("the flow store refused roll-ups", { rows: written.refused, error: written.reason ?? "" });
        }
      } catch (error) {
        // It goes on from there with the next window; until then questions read the finer rows.
        if (!closing.signal.aborted) logger.warn("the flow store cannot roll up", { error: errorText(error) });
      }
    }
  }

  function note(reason: string): void {
    if (failing === undefined) logger.error("the flow store takes no traffic", { store: server.name, error: reason });
    failing = { reason, since: failing?.since ?? clock.now().getTime(), at: failing?.at ?? clock.monotonic() };
  }

  function broken(reason: string): HoldfastError {
    return new HoldfastError("unavailable", `the flow store at ${server.name} fails: ${reason}`);
  }

  async function asked<T>(question: (from: Catalog, signal: AbortSignal) => Promise<T>): Promise<T> {
    const answered = new AbortController();
    const limit = timeLimit(clock, PATIENCE, answered.signal, closing.signal);
    try {
      return await question(await opened(), limit);
    } catch (error) {
      // Who asks has done nothing wrong.
      if (isHoldfastError(error, "unauthenticated") || isHoldfastError(error, "conflict"))
        throw broken(errorText(error));
      if (isHoldfastError(error)) throw error;
      if (!limit.aborted) throw broken(errorText(error));
      const remedy = "ask for a shorter time, or by fewer fields";
      throw new HoldfastError("timeout", `the question took longer than ${PATIENCE / 1000} s; ${remedy}`, {
        cause: error,
        retryable: false,
      });
    } finally {
      answered.abort();
    }
  }

  async function close(): Promise<void> {
    closing.abort(new HoldfastError("unavailable", "the flow store is closed"));
    await turns.take("write", async () => {
      await keepingUp;
      await catalog?.holder.release();
    });
    server.close();
  }

  return {
    kind: "opensearch",
    description: `Keeps traffic in data streams ${prefix}-* at ${server.name}; an outage of a minute loses nothing, a longer one its windows.`,
    take: (window) => turns.take("write", () => take(window)),
    sums: (plan) =>
      asked(async (from, signal) => {
        const segments = segmentsOf(plan.slots, from.coverage());
        const streams = [...new Set(segments.flatMap(({ tier, from: first, to }) => from.streams(tier, first, to)))];
        if (streams.length === 0) return emptyAnswer(plan);
        return askSums(within(from.search(streams, signal), segments), plan);
      }),
    samples: (plan) =>
      asked(async (from, signal) => {
        const streams = from.streams("samples", Math.floor(plan.from / 1000), Math.ceil(plan.to / 1000));
        return streams.length === 0 ? [] : askSamples(from.search(streams, signal), plan);
      }),
    counts: (plan) =>
      asked(async (from, signal) => {
        const streams = from.streams("counts", Math.floor(plan.from / 1000), Math.ceil(plan.to / 1000));
        return streams.length === 0 ? [] : askCounts(from.search(streams, signal), plan);
      }),
    drops: (plan) =>
      asked(async (from, signal) => {
        const { start, milliseconds, count } = plan.slots;
        const end = start + milliseconds * count;
        const streams = from.streams("drops", Math.floor(start / 1000), Math.ceil(end / 1000));
        return streams.length === 0 ? [] : askDrops(from.search(streams, signal), plan);
      }),
    state: () => ({
      failing: failing && { reason: failing.reason, since: failing.since },
      taken: { ...taken },
      lost: { ...lost },
      newest,
      bytes: catalog?.bytes ?? 0,
    }),
    expire: (now) => turns.take("write", async () => (await opened()).expire(now)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Only rows of these times, of each time from one tier. */
function within(search: Search, segments: readonly Segment[]): Search {
  const rows = anyOf(
    segments.map(({ tier, from, to }) => {
      const range = { "@timestamp": { gte: from * 1000, lt: to * 1000 } };
      return allOf([{ term: { tier } }, { range }]);
    }),
  );
  return (body) => {
    const { query } = body as { readonly query?: Query };
    return search({ ...body, query: allOf([rows, ...(query === undefined ? [] : [query])]) });
  };
}
