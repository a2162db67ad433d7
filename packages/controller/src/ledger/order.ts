import { setImmediate as nextTurn } from "node:timers/promises";
import { type Clock, errorText, HoldfastError, type Logger } from "@holdfast/core";
import type { Entry, Store } from "@holdfast/store";
import { keys, LEDGER_PAGES, ledgerPageFrom, momentOf, named } from "../state/keys.ts";
import type { State } from "../state/state.ts";
import { type Moments, timeOfMoment } from "./moments.ts";
import { adoptFormerKeys, type Unlisted, unlistedSince } from "./unlisted.ts";

/**
 * The order in time of all entries. Their keys are in the order of addresses; forgetting and exporting go by time. So their keys are listed again, in
 * pages of some thousand, behind the commits that made them: that costs each of them a few bytes, where an index would cost a row.
 */
export interface LedgerOrder {
  /** Takes note of entries from now on. */
  load(): void;
  /** Takes over where the last process ended, then writes pages until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when pages have everything committed before the call. */
  flush(): Promise<void>;
  /** The pages from the first that has an entry at or after a time, in milliseconds since 1970; oldest first. */
  pages(from: number): AsyncIterable<OrderPage>;
  /** Drops the oldest page, whose entries are gone: the ledger is complete only behind it. Another controller may have done so. */
  drop(page: OrderPage): Promise<void>;
  /** Called when a page was written. */
  listen(listener: (head: OrderHead) => void): void;
  /** As of the last flush. */
  head(): Promise<OrderHead>;
}

export interface OrderPage {
  /** Of the page itself. */
  readonly key: string;
  /** Not before any of its entries, in milliseconds since 1970. */
  readonly upTo: number;
  /** Of its entries, oldest first. */
  readonly keys: readonly string[];
}

/** What is known of the whole ledger. */
export interface OrderHead {
  /** Every entry up to this revision is on a page. */
  readonly through: number;
  /** How many entries are on pages. */
  readonly entries: number;
  /** Not before any of them, in milliseconds since 1970. */
  readonly upTo: number;
  /** From this moment on nothing is missing. */
  readonly completeFrom: string;
}

/** A page is written when this many entries wait. */
const PAGE_ENTRIES = 2048;
/** And when the store has gone on this far: a new process learns from the store's history what no page has. */
const MOST_REVISIONS = 20_000;
const IDLE_MILLISECONDS = 10_000;
const RETRY_MILLISECONDS = 10_000;

export function createLedgerOrder(
  dependencies: {
    readonly store: Store;
    readonly state: State;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly moments: Moments;
  },
  { pageEntries = PAGE_ENTRIES }: { readonly pageEntries?: number } = {},
): LedgerOrder {
  const { store, state, clock, logger, moments } = dependencies;
  let waiting: Unlisted[] = [];
  let head: (OrderHead & { readonly revision: number }) | undefined;
  const ready = Promise.withResolvers<void>();
  // Whoever waits for it hears of it.
  ready.promise.catch(() => undefined);
  /** The time of the oldest entry there may be, until a head says so. */
  let begun = clock.now().toISOString();
  let writing: Promise<void> = ready.promise;
  let wake = (): void => {};
  let written = (_head: OrderHead): void => {};

  function follow({ key, revision, created }: Entry): void {
    if (created === revision) waiting.push({ key, revision });
    if (waiting.length >= pageEntries) wake();
  }

  async function readHead(): Promise<void> {
    const entry = await store.get(keys.ledgerHead);
    head = entry && { ...(JSON.parse(entry.value) as OrderHead), revision: entry.revision };
    if (head !== undefined) moments.notBefore(head.upTo);
  }

  /** The head, and what goes with it in one commit; false: another controller has written meanwhile. */
  async function put(next: OrderHead, change: { readonly page?: readonly string[]; readonly gone?: string }) {
    const { page = [], gone } = change;
    const key = keys.ledgerPage(next.upTo, next.through);
    const outcome = await store.commit({
      conditions: [{ key: keys.ledgerHead, revision: head?.revision ?? 0 }],
      operations: [
        { kind: "put", key: keys.ledgerHead, value: JSON.stringify(next) },
        ...(page.length === 0 ? [] : [{ kind: "put", key, value: JSON.stringify(page) } as const]),
        ...(gone === undefined ? [] : [{ kind: "delete", key: gone } as const]),
      ],
    });
    if (outcome.kind === "committed") head = { ...next, revision: outcome.revision };
    else await readHead();
    return outcome.kind === "committed";
  }

  /** Writes a page of these, oldest first, or less of them when others have listed some. */
  async function list(entries: readonly Unlisted[], through: number): Promise<void> {
    for (;;) {
      const known = head?.through ?? -1;
      if (known >= through) return;
      const page = entries.filter(({ revision }) => revision > known).map(({ key }) => key);
      page.sort((a, b) => timeOfKey(a) - timeOfKey(b));
      const next: OrderHead = {
        through,
        entries: (head?.entries ?? 0) + page.length,
        upTo: Math.max(head?.upTo ?? 0, ...page.slice(-1).map(timeOfKey)),
        completeFrom: head?.completeFrom ?? begun,
      };
      if (await put(next, { page })) return written(next);
    }
  }

  async function writeWaiting(): Promise<void> {
    while (waiting.length > 0) {
      const through = waiting[Math.min(pageEntries, waiting.length) - 1]?.revision ?? 0;
      // The entries of one commit go on one page.
      const end = waiting.findIndex(({ revision }) => revision > through);
      const page = waiting.slice(0, end < 0 ? waiting.length : end);
      await list(page, end < 0 ? Math.max(through, state.revision) : through);
      waiting = waiting.slice(page.length);
    }
    if (head !== undefined && state.revision - head.through > MOST_REVISIONS) await list([], state.revision);
  }

  function isDue(): boolean {
    return waiting.length >= pageEntries || (head !== undefined && state.revision - head.through > MOST_REVISIONS);
  }

  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = writing.then(work);
    writing = done.catch(() => undefined);
    return done;
  }

  /** Lists what a former process has left unlisted. */
  async function takeOver(upTo: number, signal: AbortSignal): Promise<void> {
    await readHead();
    if (head === undefined) begun = (await adoptFormerKeys(store, signal)) ?? begun;
    const since = { through: head?.through ?? 0, upTo, most: pageEntries };
    let rest: Unlisted[] = [];
    for await (const page of unlistedSince(store, since, signal)) {
      rest = [...rest, ...page];
      if (rest.length < pageEntries) continue;
      await list(rest, rest.at(-1)?.revision ?? 0);
      rest = [];
    }
    waiting = [...rest, ...waiting];
  }

  return {
    load() {
      state.listenLedger(follow);
    },

    async run(signal) {
      const upTo = state.revision;
      let work = (): Promise<void> => takeOver(upTo, signal).then(ready.resolve);
      while (!signal.aborted) {
        const woken = new AbortController();
        wake = () => woken.abort();
        let pause = IDLE_MILLISECONDS;
        try {
          await work();
          work = () => (isDue() ? inTurn(writeWaiting) : Promise.resolve());
          if (isDue()) continue;
        } catch (error) {
          if (signal.aborted) break;
          logger.warn("the order of the ledger is not written; trying again", { error: errorText(error) });
          pause = RETRY_MILLISECONDS;
          wake = () => {};
        }
        // Being woken is what is waited for.
        await clock.wait(pause, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
      }
      ready.reject(new HoldfastError("unavailable", "the controller is stopping"));
    },

    flush: () => inTurn(writeWaiting),

    async *pages(from) {
      let after = ledgerPageFrom(from);
      for (;;) {
        const { entries, more } = await store.list(LEDGER_PAGES, { after, limit: 1 });
        for (const { key, value } of entries) {
          yield { key, upTo: named.ledgerPage(key).upTo, keys: JSON.parse(value) as string[] };
          after = key;
        }
        if (!more) return;
        await nextTurn();
      }
    },

    drop: (page) =>
      inTurn(async () => {
        while ((await store.get(page.key)) !== undefined) {
          if (head === undefined) return;
          const { revision: _, ...rest } = head;
          const completeFrom = new Date(page.upTo + 1).toISOString();
          const entries = Math.max(0, rest.entries - page.keys.length);
          if (await put({ ...rest, entries, completeFrom }, { gone: page.key })) return;
        }
      }),

    listen(listener) {
      written = listener;
    },

    async head() {
      await inTurn(readHead);
      return head ?? { through: 0, entries: 0, upTo: 0, completeFrom: begun };
    },
  };
}

function timeOfKey(key: string): number {
  return timeOfMoment(momentOf(key));
}
