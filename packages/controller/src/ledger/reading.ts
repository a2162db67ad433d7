import { setImmediate as nextTurn } from "node:timers/promises";
import type { Identity, IpAddress, Name } from "@holdfast/core";
import type { LedgerEntry, LedgerPage } from "@holdfast/model";
import type { Store } from "@holdfast/store";
import { invalidField } from "../refusals.ts";
import { momentOf } from "../state/keys.ts";
import { readLedgerEntry } from "./ledger.ts";
import { timeOfMoment } from "./moments.ts";
import type { LedgerOrder } from "./order.ts";
import type { RefusalLog } from "./refusal-log.ts";

/** Which entries a reader wants; absent: any. */
export interface LedgerFilter {
  readonly tenant?: Name | undefined;
  readonly network?: Name | undefined;
  readonly address?: IpAddress | undefined;
  readonly identity?: Identity | undefined;
  readonly node?: Name | undefined;
  readonly event?: LedgerEntry["event"] | undefined;
  /** RFC 3339; included. */
  readonly from?: string | undefined;
  /** RFC 3339; not included. */
  readonly to?: string | undefined;
  /** Only behind the entry with this id. */
  readonly after?: string | undefined;
}

/** The ledger in the order of time, a few entries in memory at any moment. */
export interface LedgerReader {
  /** Everything committed before the call, oldest first. @throws HoldfastError `invalid_argument` for an `after` that is no entry's id. */
  read(filter: LedgerFilter): AsyncIterable<LedgerEntry>;
  /** One page; it looks at a bounded number of entries, so it may be short with more to come. */
  page(filter: LedgerFilter, limit: number): Promise<LedgerPage>;
  /** RFC 3339: from this moment on nothing is missing. */
  completeFrom(): Promise<string>;
}

/** Entries that are read without letting others in between. */
const STEP = 200;
const MOST_LOOKED_AT = 20_000;
/** Entries of different commits may be this much out of order, in milliseconds. */
const SLACK = 60_000;

/** Where a reader has got to; without an entry, nothing there was wanted. */
interface Step {
  readonly moment: string;
  readonly entry?: LedgerEntry;
}

export function createLedgerReader(dependencies: {
  readonly store: Store;
  readonly order: LedgerOrder;
  readonly refusals: RefusalLog;
}): LedgerReader {
  const { store, order, refusals } = dependencies;

  async function pageWith(moment: string): Promise<{ readonly key: string; readonly index: number } | undefined> {
    const time = timeOfMoment(moment);
    for await (const { key, keys } of order.pages(time)) {
      const index = keys.findIndex((one) => momentOf(one) === moment);
      if (index >= 0) return { key, index };
      if (timeOf(keys[0] ?? "") > time + SLACK) return undefined;
    }
    return undefined;
  }

  /** Keys behind an entry; when that was forgotten meanwhile, those of later times. */
  async function* keysBehind(moment: string): AsyncIterable<readonly string[]> {
    const time = timeOfMoment(moment);
    const reached = await pageWith(moment);
    for await (const { key, keys } of order.pages(time)) {
      if (reached === undefined) yield keys.filter((one) => timeOf(one) > time);
      else if (key === reached.key) yield keys.slice(reached.index + 1);
      else if (key > reached.key) yield keys;
    }
  }

  async function* keysFrom(time: number): AsyncIterable<readonly string[]> {
    for await (const { keys } of order.pages(time)) yield keys.filter((key) => timeOf(key) >= time);
  }

  async function* steps(filter: LedgerFilter): AsyncIterable<Step> {
    const { after, from, to } = filter;
    checkPosition(after);
    await refusals.flush();
    await order.flush();
    const end = to === undefined ? Number.POSITIVE_INFINITY : Date.parse(to);
    const begin = from === undefined ? 0 : Date.parse(from);
    const lists = after === undefined ? keysFrom(begin) : keysBehind(after);
    for await (const keys of lists) {
      if (timeOf(keys[0] ?? "") >= end + SLACK) return;
      for (let first = 0; first < keys.length; first += STEP) {
        const wanted = keys.slice(first, first + STEP).filter((key) => timeOf(key) >= begin && timeOf(key) < end);
        yield* await Promise.all(wanted.map((key) => stepOf(key, filter)));
        await nextTurn();
      }
    }
  }

  async function stepOf(key: string, filter: LedgerFilter): Promise<Step> {
    const moment = momentOf(key);
    if (!isWantedKey(key, filter)) return { moment };
    const stored = await store.get(key);
    // It may have been forgotten since its page was read.
    const entry = stored && readLedgerEntry(stored);
    return entry !== undefined && isWanted(entry, filter) ? { moment, entry } : { moment };
  }

  return {
    async *read(filter) {
      for await (const { entry } of steps(filter)) if (entry !== undefined) yield entry;
    },

    async page(filter, limit) {
      const items: LedgerEntry[] = [];
      let lookedAt = 0;
      let reached: string | undefined;
      for await (const { moment, entry } of steps(filter)) {
        if (items.length === limit || lookedAt === MOST_LOOKED_AT) {
          return { items, completeFrom: await completeFrom(), ...(reached === undefined ? {} : { continue: reached }) };
        }
        if (entry !== undefined) items.push(entry);
        lookedAt += 1;
        reached = moment;
      }
      return { items, completeFrom: await completeFrom() };
    },

    completeFrom,
  };

  async function completeFrom(): Promise<string> {
    return (await order.head()).completeFrom;
  }
}

const MOMENT = /^\d{13}-\d{6}-[\w-]{1,60}$/;

/** @throws HoldfastError `invalid_argument` when it is no id of a ledger entry. */
export function checkPosition(after: string | undefined): void {
  if (after === undefined || MOMENT.test(after)) return;
  throw invalidField("after", "not the id of a ledger entry; begin again without it");
}

function isWantedKey(key: string, { tenant, network, address }: LedgerFilter): boolean {
  const [, ofTenant, ofNetwork, ofAddress] = key.split("/", 4);
  return (
    (tenant === undefined || ofTenant === tenant) &&
    (network === undefined || ofNetwork === network) &&
    (address === undefined || ofAddress === address)
  );
}

function isWanted(entry: LedgerEntry, { identity, node, event }: LedgerFilter): boolean {
  return (
    (identity === undefined || entry.identity === identity || entry.formerIdentity === identity) &&
    (node === undefined || entry.node === node) &&
    (event === undefined || entry.event === event)
  );
}

function timeOf(key: string): number {
  return timeOfMoment(momentOf(key));
}
