import { setImmediate as nextTurn } from "node:timers/promises";
import { isHoldfastError } from "@holdfast/core";
import type { Store } from "@holdfast/store";
import { momentOf } from "../state/keys.ts";
import { momentOfTime, timeOfMoment } from "./moments.ts";

/** An entry that no page of the ledger's order has yet. */
export interface Unlisted {
  readonly key: string;
  /** Of the commit that made it. */
  readonly revision: number;
}

export interface Since {
  /** Everything up to this revision is listed. */
  readonly through: number;
  readonly upTo: number;
  /** Entries a page; more only when they are of one commit. */
  readonly most: number;
  /** Keys that a walk through the whole ledger holds in memory. Absent: 50,000. */
  readonly held?: number;
}

const LEDGER_COLLECTIONS = ["ledger/", "refusals/"] as const;
const SCAN = 500;
const HELD = 50_000;

/** Pages of unlisted entries in the order of commits: from the store's history, or, when that is gone, by walking through all entries. */
export async function* unlistedSince(store: Store, since: Since, signal: AbortSignal): AsyncIterable<Unlisted[]> {
  let { through } = since;
  // What was never listed may be older than any history.
  if (through > 0) {
    try {
      for await (const page of fromHistory(store, since, signal)) {
        yield page;
        through = page.at(-1)?.revision ?? through;
      }
      return;
    } catch (error) {
      if (!isHoldfastError(error, "revision_gone")) throw error;
    }
  }
  yield* fromWalks(store, { ...since, through }, signal);
}

async function* fromHistory(store: Store, { through, upTo, most }: Since, signal: AbortSignal) {
  if (through >= upTo) return;
  const done = new AbortController();
  let page: Unlisted[] = [];
  for await (const { revision, changes } of store.watch("", {
    after: through,
    signal: AbortSignal.any([signal, done.signal]),
  })) {
    for (const change of changes) {
      if (change.kind === "put" && change.entry.created === revision && isLedgerKey(change.entry.key)) {
        page.push({ key: change.entry.key, revision });
      }
    }
    if (page.length >= most) {
      yield page;
      page = [];
    }
    if (revision >= upTo) done.abort();
  }
  signal.throwIfAborted();
  if (page.length > 0) yield page;
}

/** Each walk takes the oldest that are left, so that the memory it needs does not grow with the ledger. */
async function* fromWalks(store: Store, { through, upTo, most, held = HELD }: Since, signal: AbortSignal) {
  let reached = through;
  for (;;) {
    const { found, more } = await oldestAfter(store, { through: reached, upTo, held }, signal);
    while (found.length > 0) {
      const last = found[Math.min(most, found.length) - 1]?.revision ?? 0;
      const end = found.findIndex(({ revision }) => revision > last);
      yield found.splice(0, end < 0 ? found.length : end);
      reached = last;
    }
    if (!more) return;
  }
}

async function oldestAfter(store: Store, { through, upTo, held }: Required<Omit<Since, "most">>, signal: AbortSignal) {
  let found: Unlisted[] = [];
  let limit = upTo;
  for (const collection of LEDGER_COLLECTIONS) {
    let after: string | undefined;
    for (;;) {
      signal.throwIfAborted();
      const page = await store.list(collection, { limit: SCAN, ...(after === undefined ? {} : { after }) });
      for (const { key, created } of page.entries) {
        if (created > through && created <= limit) found.push({ key, revision: created });
      }
      if (found.length > 2 * held) {
        found.sort((a, b) => a.revision - b.revision);
        limit = found[held]?.revision ?? limit;
        found = found.filter(({ revision }) => revision <= limit);
      }
      after = page.entries.at(-1)?.key;
      if (!page.more) break;
      await nextTurn();
    }
  }
  found.sort((a, b) => a.revision - b.revision);
  return { found, more: limit < upTo };
}

function isLedgerKey(key: string): boolean {
  return LEDGER_COLLECTIONS.some((collection) => key.startsWith(collection));
}

/** Keys of former versions counted up, as `"2026-11-20T14:05:00.000Z-000001-1f0c2b7a"`. */
const FORMER = /^(\d{4}-\d\d-\d\dT[\d:.]+Z)-(\d{6})-(.+)$/;

/** Gives entries that a former version wrote the keys they have today. The time of the oldest entry; undefined: there is none. */
export async function adoptFormerKeys(store: Store, signal: AbortSignal): Promise<string | undefined> {
  let oldest: string | undefined;
  let after: string | undefined;
  for (;;) {
    signal.throwIfAborted();
    const page = await store.list("ledger/", { limit: SCAN, ...(after === undefined ? {} : { after }) });
    const operations = page.entries.flatMap(({ key, value }) => {
      const moment = momentOf(key);
      const [, time = "", count = "", nonce = ""] = FORMER.exec(moment) ?? [];
      const at = time === "" ? new Date(timeOfMoment(moment)).toISOString() : time;
      if (oldest === undefined || at < oldest) oldest = at;
      if (time === "") return [];
      const today = key.slice(0, -moment.length) + momentOfTime(Date.parse(time), Number(count), nonce);
      return [{ kind: "delete", key } as const, { kind: "put", key: today, value } as const];
    });
    if (operations.length > 0) await store.commit({ conditions: [], operations });
    after = page.entries.at(-1)?.key;
    if (!page.more) return oldest;
    await nextTurn();
  }
}
