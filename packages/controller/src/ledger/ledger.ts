import type { Clock, Identity, IpAddress, Name } from "@holdfast/core";
import type { Claim, LedgerEntry } from "@holdfast/model";
import type { Entry, Store } from "@holdfast/store";
import type { Draft } from "../state/change.ts";
import { keys, ledgerPrefix, named } from "../state/keys.ts";
import { beforeMomentsUpTo, type Moments } from "./moments.ts";

/** What happened, beyond claim and address. */
export interface LedgerEvent {
  readonly event: LedgerEntry["event"];
  readonly actor: string;
  readonly requestId?: string | undefined;
  readonly node?: Name | undefined;
  readonly endpoint?: string | undefined;
  readonly formerEndpoint?: string | undefined;
  readonly formerIdentity?: Identity | undefined;
  readonly restsUntil?: string | undefined;
  readonly reason?: string | undefined;
  /** RFC 3339. Absent: now. */
  readonly at?: string | undefined;
}

/** An address of a network. */
export interface AddressName {
  readonly tenant: Name;
  readonly network: Name;
  readonly address: IpAddress;
}

/** A ledger entry as stored: what its key says is left out. */
export type StoredLedgerEntry = Omit<LedgerEntry, "id" | "revision" | keyof AddressName>;

/** The history of addresses: who had each, since when and why. Written in the commits that make it true. */
export interface Ledger {
  /** One entry for every address of the claim. */
  record(draft: Draft, claim: Pick<Claim, "tenant" | "network" | "identity" | "addresses">, event: LedgerEvent): void;
  /** Oldest first; the newest `limit`, or the newest `limit` of those that are not after `upTo`, in milliseconds since 1970. */
  history(name: AddressName, limit: number, upTo?: number): Promise<readonly LedgerEntry[]>;
  /** Oldest first; the first `limit` of those after a time. */
  after(name: AddressName, time: number, limit: number): Promise<readonly LedgerEntry[]>;
}

const PAGE = 100;
/** Milliseconds. */
const FIRST_SPAN = 60_000;
const SPAN_GROWTH = 16;

export function createLedger(dependencies: {
  readonly store: Store;
  readonly clock: Clock;
  readonly moments: Moments;
}): Ledger {
  const { store, clock, moments } = dependencies;

  async function history(name: AddressName, limit: number, upTo?: number): Promise<readonly LedgerEntry[]> {
    const prefix = ledgerPrefix(name.tenant, name.network, name.address);
    const after = upTo === undefined ? {} : { after: prefix + beforeMomentsUpTo(upTo) };
    const { entries } = await store.list(prefix, { limit, ...after });
    return entries.map(readLedgerEntry).reverse();
  }

  /** Oldest first; those after one time that are not after another. */
  async function between(name: AddressName, time: number, upTo: number | undefined): Promise<readonly LedgerEntry[]> {
    const prefix = ledgerPrefix(name.tenant, name.network, name.address);
    const end = prefix + beforeMomentsUpTo(time);
    const found: Entry[] = [];
    let after = upTo === undefined ? undefined : prefix + beforeMomentsUpTo(upTo);
    for (;;) {
      const page = await store.list(prefix, { limit: PAGE, ...(after === undefined ? {} : { after }) });
      const newer = page.entries.filter(({ key }) => key < end);
      found.push(...newer);
      after = page.entries.at(-1)?.key;
      if (!page.more || newer.length < page.entries.length) return found.map(readLedgerEntry).reverse();
    }
  }

  return {
    record(draft, { tenant, network, identity, addresses }, event) {
      const at = clock.now().toISOString();
      for (const address of addresses) {
        // What is undefined is left out where it is made into text.
        const entry = { identity, at, ...event };
        draft.put(keys.ledger(tenant, network, address, moments.next()), entry);
      }
    },

    history,

    async after(name, time, limit) {
      const now = clock.now().getTime();
      for (let span = FIRST_SPAN; ; span *= SPAN_GROWTH) {
        // Newest first is the only order there is: of ever longer spans behind the time, the first that holds enough.
        const upTo = Math.max(now, time) < time + span ? undefined : time + span;
        const found = await between(name, time, upTo);
        if (found.length >= limit || upTo === undefined) return found.slice(0, limit);
      }
    },
  };
}

export function readLedgerEntry({ key, value, revision }: Entry): LedgerEntry {
  const { tenant, network, address, moment } = named.ledger(key);
  return { id: moment, tenant, network, address, ...(JSON.parse(value) as StoredLedgerEntry), revision };
}
