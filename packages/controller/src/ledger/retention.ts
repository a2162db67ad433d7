import { type Clock, createNap, errorText, type Logger } from "@holdfast/core";
import type { Store } from "@holdfast/store";
import { ledgerPrefix, named } from "../state/keys.ts";
import type { State } from "../state/state.ts";
import type { LedgerOrder, OrderPage } from "./order.ts";

/** How much history is kept. */
export interface RetentionOptions {
  /** Milliseconds. */
  readonly ledgerRetention: number;
  /** Entries, without the last ones of addresses that are in use. */
  readonly ledgerEntries: number;
}

/**
 * Forgets old history, from the oldest page on, in steps small enough for requests to go in between. The last entry of an address that is in use
 * stays: it says who has it.
 */
export interface LedgerRetention {
  /** Gives the number of entries forgotten. */
  forget(signal: AbortSignal): Promise<number>;
  /** Forgets every hour, and when there are too many entries, until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

const ROUND = 3_600_000;
/** Operations of one commit. */
const STEP = 100;
/** Addresses that are looked at together. */
const AT_ONCE = 32;

export function createLedgerRetention(
  dependencies: {
    readonly store: Store;
    readonly state: State;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly order: LedgerOrder;
  },
  { ledgerRetention, ledgerEntries }: RetentionOptions,
): LedgerRetention {
  const { store, state, clock, logger, order } = dependencies;
  const nap = createNap(clock);

  /** Whether an entry is the newest of an address that is in use. One that is claimed meanwhile has a newer entry from then on. */
  async function isPresent(key: string): Promise<boolean> {
    const { tenant, network, address } = named.ledger(key);
    if (state.network(tenant, network)?.addresses.has(address) !== true) return false;
    const [newest] = (await store.list(ledgerPrefix(tenant, network, address), { limit: 1 })).entries;
    return newest?.key === key;
  }

  /** What goes with the newest entry that a page has of an address: the entry itself unless it is present, and all older ones. */
  async function goneWith(key: string): Promise<readonly string[]> {
    if (isRefusal(key)) return [key];
    const { tenant, network, address } = named.ledger(key);
    const gone = (await isPresent(key)) ? [] : [key];
    let after = key;
    for (;;) {
      const { entries, more } = await store.list(ledgerPrefix(tenant, network, address), { after, limit: STEP });
      for (const entry of entries) gone.push(entry.key);
      after = gone.at(-1) ?? key;
      if (!more) return gone;
    }
  }

  async function* goneWithPage({ keys }: OrderPage): AsyncIterable<string> {
    const newest = newestOf(keys);
    for (let first = 0; first < newest.length; first += AT_ONCE) {
      const parts = await Promise.all(newest.slice(first, first + AT_ONCE).map(goneWith));
      yield* parts.flat();
    }
  }

  async function forgetPage(page: OrderPage, signal: AbortSignal): Promise<number> {
    let forgotten = 0;
    let step: string[] = [];
    const commit = async (): Promise<void> => {
      signal.throwIfAborted();
      await store.commit({ conditions: [], operations: step.map((key) => ({ kind: "delete", key }) as const) });
      forgotten += step.length;
      step = [];
    };
    for await (const key of goneWithPage(page)) if (step.push(key) >= STEP) await commit();
    await commit();
    await order.drop(page);
    return forgotten;
  }

  async function forget(signal: AbortSignal): Promise<number> {
    await order.flush();
    const limit = clock.now().getTime() - ledgerRetention;
    let forgotten = 0;
    for await (const page of order.pages(0)) {
      if (page.upTo >= limit && (await order.head()).entries <= ledgerEntries) break;
      forgotten += await forgetPage(page, signal);
    }
    return forgotten;
  }

  return {
    forget,

    async run(signal) {
      order.listen(({ entries }) => entries > ledgerEntries && nap.wake());
      while (!signal.aborted) {
        await nap.sleep(ROUND, signal);
        if (signal.aborted) return;
        try {
          const entries = await forget(signal);
          if (entries > 0) logger.info("old history forgotten", { entries });
        } catch (error) {
          if (signal.aborted) return;
          logger.warn("old history not forgotten; trying again in an hour", { error: errorText(error) });
        }
      }
    },
  };
}

/** The newest entry of each address, and every refusal. */
function newestOf(keys: readonly string[]): readonly string[] {
  const newest = new Map<string, string>();
  for (const key of keys) newest.set(isRefusal(key) ? key : key.slice(0, key.lastIndexOf("/")), key);
  return [...newest.values()];
}

function isRefusal(key: string): boolean {
  return key.startsWith("refusals/");
}
