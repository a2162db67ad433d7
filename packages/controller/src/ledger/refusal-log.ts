import {
  type Clock,
  errorText,
  type Identity,
  type IpAddress,
  isHoldfastError,
  type Logger,
  type Name,
} from "@holdfast/core";
import type { LedgerEntry } from "@holdfast/model";
import type { Operation, Store } from "@holdfast/store";
import { keys, ledgerPrefix, momentOf, refusalPrefix } from "../state/keys.ts";
import { type AddressName, readLedgerEntry, type StoredLedgerEntry } from "./ledger.ts";
import { type Moments, timeOfMoment } from "./moments.ts";

/** Who asked for which addresses of a network. */
export interface Asked {
  readonly tenant: Name;
  readonly network: Name;
  /** Exact addresses only. */
  readonly addresses: readonly IpAddress[];
  readonly identity: Identity;
  readonly actor: string;
  readonly requestId?: string | undefined;
  readonly node?: Name | undefined;
}

/**
 * Who asked for just this address and was refused. Counted for each owner of an address and each day: a flood of refusals fills no disk. They are
 * written a second later, beside the requests; what a crash loses of them was no change.
 */
export interface RefusalLog {
  /** Notes down why a request for addresses failed, when it was that somebody else has one of them. Never throws. */
  note(asked: Asked, error: unknown): void;
  /** Resolves when what was noted before the call can be read. */
  flush(): Promise<void>;
  /** Oldest first; the newest `limit`. */
  of(name: AddressName, limit: number): Promise<readonly LedgerEntry[]>;
  /** Writes until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export interface RefusalLogOptions {
  /** Called for each refusal beyond those that can be noted at once. */
  readonly dropped: () => void;
}

/** Addresses that wait to be written. */
const MOST_WAITING = 1000;
const PAUSE_MILLISECONDS = 1000;
const DAY = 24 * 3_600_000;
const LONGEST_REASON = 500;
/** Addresses of one commit. */
const STEP = 100;

interface Waiting extends AddressName {
  readonly firstAt: string;
  readonly last: Omit<StoredLedgerEntry, "count" | "firstAt">;
  readonly count: number;
}

export function createRefusalLog(
  dependencies: {
    readonly store: Store;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly moments: Moments;
  },
  { dropped }: RefusalLogOptions,
): RefusalLog {
  const { store, clock, logger, moments } = dependencies;
  let waiting = new Map<string, Waiting>();
  let writing: Promise<void> = Promise.resolve();
  let wake = (): void => {};

  /** The record that goes on counting: of today, and of the present owner. */
  async function openRecord({ tenant, network, address, firstAt }: Waiting) {
    const [record] = (await store.list(refusalPrefix(tenant, network, address), { limit: 1 })).entries;
    const [change] = (await store.list(ledgerPrefix(tenant, network, address), { limit: 1 })).entries;
    if (record === undefined) return undefined;
    // Moments count down.
    const changed = change !== undefined && momentOf(change.key) < momentOf(record.key);
    const old = Date.parse(firstAt) - timeOfMoment(momentOf(record.key)) > DAY;
    return changed || old ? undefined : record;
  }

  async function operationFor(one: Waiting): Promise<{ readonly operation: Operation; readonly revision: number }> {
    const record = await openRecord(one);
    const before = record === undefined ? undefined : (JSON.parse(record.value) as StoredLedgerEntry);
    const value: StoredLedgerEntry = {
      ...one.last,
      firstAt: before?.firstAt ?? one.firstAt,
      count: (before?.count ?? 0) + one.count,
    };
    const key = record?.key ?? keys.refusal(one.tenant, one.network, one.address, moments.next());
    return { operation: { kind: "put", key, value: JSON.stringify(value) }, revision: record?.revision ?? 0 };
  }

  async function writeStep(step: readonly Waiting[]): Promise<void> {
    for (;;) {
      const puts = await Promise.all(step.map(operationFor));
      const conditions = puts.map(({ operation, revision }) => ({ key: operation.key, revision }));
      const outcome = await store.commit({ conditions, operations: puts.map(({ operation }) => operation) });
      if (outcome.kind === "committed") return;
    }
  }

  async function writeAll(): Promise<void> {
    const all = [...waiting.values()];
    waiting = new Map();
    for (let first = 0; first < all.length; first += STEP) await writeStep(all.slice(first, first + STEP));
  }

  function flush(): Promise<void> {
    const done = writing.then(writeAll);
    writing = done.catch(() => undefined);
    return done;
  }

  return {
    note(asked, error) {
      const address = refusedAddress(asked, error);
      if (address === undefined) return;
      const { tenant, network, identity, actor, requestId, node } = asked;
      const key = `${tenant}/${network}/${address}`;
      const before = waiting.get(key);
      if (before === undefined && waiting.size >= MOST_WAITING) return dropped();
      const at = clock.now().toISOString();
      const reason = errorText(error).slice(0, LONGEST_REASON);
      const last = { event: "refused", identity, at, actor, requestId, node, reason } as const;
      const { firstAt = at, count = 0 } = before ?? {};
      waiting.set(key, { tenant, network, address, firstAt, last, count: count + 1 });
      wake();
    },

    flush,

    async of({ tenant, network, address }, limit) {
      const { entries } = await store.list(refusalPrefix(tenant, network, address), { limit });
      return entries.map(readLedgerEntry).reverse();
    },

    async run(signal) {
      signal.addEventListener("abort", () => wake(), { once: true });
      while (!signal.aborted) {
        if (waiting.size === 0) await new Promise<void>((resolve) => (wake = resolve));
        // The end of the wait is looked at above.
        await clock.wait(PAUSE_MILLISECONDS, signal).catch(() => undefined);
        await flush().catch((error: unknown) => {
          logger.warn("refusals were not written down", { error: errorText(error) });
        });
      }
    },
  };
}

/** The address that somebody else has; undefined: that was not the reason. */
function refusedAddress({ addresses }: Asked, error: unknown): IpAddress | undefined {
  if (!isHoldfastError(error, "address_in_use") && !isHoldfastError(error, "claim_bound")) return undefined;
  return addresses.find((address) => address === error.details.address) ?? addresses[0];
}
