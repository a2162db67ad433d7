import { once } from "node:events";
import type { Writable } from "node:stream";
import { type Clock, createNap } from "@holdfast/core";
import { type PolicyDrops, type PolicyDropsMessage, policyDropsKey } from "@holdfast/model";
import type { DropTotals } from "./drop-totals.ts";

/** Drops of one line. */
const MOST_IN_A_LINE = 1000;

/**
 * Writes all totals, then those that change, until the signal is aborted. Of a slow reader only what has changed waits, each with its newest total: it
 * costs no more than the totals themselves.
 */
export async function followDropsInto(
  output: Writable,
  { totals, clock, run }: { readonly totals: DropTotals; readonly clock: Clock; readonly run: string },
  { bookmark, signal }: { readonly bookmark: number; readonly signal: AbortSignal },
): Promise<void> {
  const nap = createNap(clock);
  const news = new Map<string, PolicyDrops>();
  using _ = totals.follow((changed) => {
    news.set(policyDropsKey(changed), changed);
    nap.wake();
  });

  async function say(message: PolicyDropsMessage): Promise<void> {
    if (output.write(`${JSON.stringify(message)}\n`) || signal.aborted) return;
    // The signal ends the wait, and is looked at by who says more.
    await once(output, "drain", { signal }).catch(() => undefined);
  }

  async function sayAll(type: "totals" | "more", drops: readonly PolicyDrops[]): Promise<void> {
    for (let at = 0; at < drops.length && !signal.aborted; at += MOST_IN_A_LINE)
      await say({ type, run, drops: drops.slice(at, at + MOST_IN_A_LINE) });
  }

  const all = [...totals.all];
  if (all.length === 0) await say({ type: "totals", run, drops: [] });
  await sayAll("totals", all);
  while (!signal.aborted) {
    const changed = [...news.values()];
    news.clear();
    await sayAll("more", changed);
    if (news.size > 0) continue;
    if (changed.length === 0) await say({ type: "bookmark" });
    await nap.sleep(bookmark, signal);
  }
}
