import type { Client } from "@holdfast/client";
import { type Clock, errorText, isHoldfastError, type Logger, type Name, timeLimit } from "@holdfast/core";
import type { DatapathDriver } from "@holdfast/datapath";
import { type CountsReport, MOST_COUNTED_RULES, routes } from "@holdfast/model";
import type { ProgramId } from "@holdfast/policy";
import {
  addGuard,
  addRule,
  type Count,
  difference,
  NOTHING,
  noCounts,
  type RuleCount,
  ruleKey,
  without,
} from "./counts.ts";

/**
 * Tells the controller what rules and guards have counted since it was told before: only what has changed, and no report twice. One that has begun anew is told
 * what was counted since this agent began.
 */
export interface RuleCounts {
  /** Runs until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export interface RuleCountsDependencies {
  readonly driver: DatapathDriver;
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Names this life of the agent. */
  readonly nonce: () => string;
  /** A program that is counted and not enforced. */
  readonly isOnlyStaged: (program: ProgramId) => boolean;
}

type Report = Pick<CountsReport, "rules" | "guards" | "rest">;

/** Milliseconds that a controller has for its answer. */
const ANSWER_LIMIT = 10_000;

export function createRuleCounts(
  { driver, client, clock, logger, nonce, isOnlyStaged }: RuleCountsDependencies,
  { node, interval }: { readonly node: Name; readonly interval: number },
): RuleCounts {
  const run = nonce();
  const since = clock.now().toISOString();
  let sequence = 0;
  /** What the data path has said last; undefined: never, so that what there is was counted in a life before. */
  let last: ReadonlyMap<string, Count> | undefined;
  /** In this life, of what is still there. */
  const all = noCounts();
  /** Not told yet. */
  let news = noCounts();
  /** The controller lacks what was told before it began: all else comes now. */
  let restIsNext = false;
  /** Sent, and nobody knows whether it arrived. */
  let sent: Report | undefined;

  async function look(signal: AbortSignal): Promise<void> {
    const { policy } = driver;
    if (policy === undefined) return;
    const [byRule, byGuard] = [await policy.ruleCounters(signal), await policy.guardCounters(signal)];
    const now = new Map<string, Count>();
    const modes = new Map<ProgramId, RuleCount["mode"]>();
    const there = new Set<string>();
    const more = (key: string, count: Count): Count => {
      now.set(key, count);
      return last === undefined ? NOTHING : difference(count, last.get(key) ?? NOTHING);
    };
    for (const { program, rule, packets, bytes } of byRule) {
      const mode = modes.getOrInsertComputed(program, (id) => (isOnlyStaged(id) ? "staged" : "enforced"));
      const each = { rule, mode, ...more(`rule ${program} ${rule}`, { packets, bytes }) };
      there.add(ruleKey(each));
      if (each.packets > 0) for (const counts of [all, news]) addRule(counts, each);
    }
    for (const { guard, packets, bytes } of byGuard) {
      const each = { guard, ...more(`guard ${guard}`, { packets, bytes }) };
      if (each.packets > 0) for (const counts of [all, news]) addGuard(counts, each);
    }
    // Another one may have its name later.
    for (const key of all.rules.keys()) if (!there.has(key)) all.rules.delete(key);
    last = now;
  }

  /** What is told next; undefined: nothing. */
  function nextReport(): Report | undefined {
    if (news.rules.size + news.guards.size === 0 && !restIsNext) return undefined;
    const some = [...news.rules].slice(0, MOST_COUNTED_RULES);
    for (const [key] of some) news.rules.delete(key);
    const report = { rules: some.map(([, count]) => count), guards: [...news.guards.values()] };
    news.guards.clear();
    sequence += 1;
    const rest = restIsNext;
    restIsNext = false;
    return rest ? { ...report, rest } : report;
  }

  async function tell(signal: AbortSignal): Promise<void> {
    for (sent ??= nextReport(); sent !== undefined; sent = nextReport()) {
      const limit = timeLimit(clock, ANSWER_LIMIT, signal);
      const body = { run, sequence, since, ...sent };
      const { whole } = await client.call(routes.tellCounts, { params: { node }, body }, { signal: limit });
      if (whole) continue;
      news = without(all, sent);
      restIsNext = true;
    }
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        try {
          await look(signal);
          await tell(signal);
        } catch (error) {
          // A controller that does not know what counts are need not be told again.
          if (isHoldfastError(error, "not_found") && sent?.rest === undefined) sent = undefined;
          if (!signal.aborted) logger.debug("counts are told later", { error: errorText(error) });
        }
        await clock.wait(interval, signal).catch(() => undefined);
      }
    },
  };
}
