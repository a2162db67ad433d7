import type { Clock, IpAddress, Name } from "@holdfast/core";
import type { Claim, LedgerEntry } from "@holdfast/model";
import type { Store } from "@holdfast/store";
import type { Draft } from "../state/change.ts";
import { keys, ledgerPrefix } from "../state/keys.ts";

/** What happened, beyond claim and address. */
export interface LedgerEvent {
  readonly event: LedgerEntry["event"];
  readonly actor: string;
  readonly node?: Name | undefined;
  readonly endpoint?: string | undefined;
  readonly reason?: string | undefined;
}

/** The history of addresses: who had each, since when and why. Written in the commits that make it true. */
export interface Ledger {
  /** One entry for every address of the claim. */
  record(draft: Draft, claim: Claim, event: LedgerEvent): void;
  /** Oldest first; at most the newest `limit`. */
  history(tenant: Name, network: Name, address: IpAddress, limit: number): Promise<readonly LedgerEntry[]>;
  /** Forgets entries from before a moment, a page at a time; gives their number. */
  forgetBefore(moment: Date, signal: AbortSignal): Promise<number>;
}

const PAGE = 500;

export function createLedger(dependencies: {
  readonly store: Store;
  readonly clock: Clock;
  readonly nonce: string;
}): Ledger {
  const { store, clock, nonce } = dependencies;
  let count = 0;

  /** Grows with time; two controllers never make the same. */
  function moment(): string {
    count = (count + 1) % 1_000_000;
    return `${clock.now().toISOString()}-${String(count).padStart(6, "0")}-${nonce}`;
  }

  return {
    record(draft, claim, { event, actor, node, endpoint, reason }) {
      const { tenant, network, identity } = claim;
      for (const address of claim.addresses) {
        const entry: Omit<LedgerEntry, "revision"> = {
          tenant,
          network,
          address,
          identity,
          event,
          at: clock.now().toISOString(),
          actor,
          ...(node === undefined ? {} : { node }),
          ...(endpoint === undefined ? {} : { endpoint }),
          ...(reason === undefined ? {} : { reason }),
        };
        draft.put(keys.ledger(tenant, network, address, moment()), entry);
      }
    },

    async history(tenant, network, address, limit) {
      const { entries } = await store.list(ledgerPrefix(tenant, network, address));
      return entries
        .map(({ value, revision }) => ({ ...(JSON.parse(value) as LedgerEntry), revision }))
        .sort((a, b) => a.revision - b.revision)
        .slice(-limit);
    },

    async forgetBefore(before, signal) {
      const limit = before.toISOString();
      let forgotten = 0;
      let after: string | undefined;
      for (;;) {
        signal.throwIfAborted();
        const page = await store.list("ledger/", { limit: PAGE, ...(after === undefined ? {} : { after }) });
        const old = page.entries.filter(({ key }) => key.slice(key.lastIndexOf("/") + 1) < limit);
        const operations = old.map(({ key }) => ({ kind: "delete", key }) as const);
        if (operations.length > 0) await store.commit({ conditions: [], operations });
        forgotten += operations.length;
        after = page.entries.at(-1)?.key;
        if (!page.more) return forgotten;
      }
    },
  };
}
