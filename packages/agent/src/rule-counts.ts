import type { Client } from "@holdfast/client";
import { type Clock, errorText, isHoldfastError, type Logger, type Name, timeLimit } from "@holdfast/core";
import type { DatapathDriver } from "@holdfast/datapath";
import { type CountsReport, MOST_COUNTED_RULES, routes } from "@holdfast/model";
import type { ProgramId } from "@holdfast/policy";

/** Tells the controller what rules and guards have counted since it was told before: only what has changed, and no report twice. */
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

interface Count {
  readonly packets: number;
  readonly bytes: number;
}

type RuleCount = CountsReport["rules"][number];
type Report = Pick<CountsReport, "rules" | "guards">;

/** Milliseconds that a controller has for its answer. */
const ANSWER_LIMIT = 10_000;

export function createRuleCounts(
  { driver, client, clock, logger, nonce, isOnlyStaged }: RuleCountsDependencies,
  { node, interval }: { readonly node: Name; readonly interval: number },
): RuleCounts {
  const run = nonce();
  let sequence = 0;
  /** What the data path has said last; undefined: never, so that what there is was counted in a life before. */
  let last: ReadonlyMap<string, Count> | undefined;
  /** By rule and mode, and of guards. */
  const rules = new Map<string, RuleCount>();
  const guards = new Map<string, CountsReport["guards"][number]>();
  /** Sent, and nobody knows whether it arrived. */
  let sent: Report | undefined;

  async function look(signal: AbortSignal): Promise<void> {
    const { policy } = driver;
    if (policy === undefined) return;
    const [byRule, byGuard] = [await policy.ruleCounters(signal), await policy.guardCounters(signal)];
    const now = new Map<string, Count>();
    const modes = new Map<ProgramId, RuleCount["mode"]>();
    const news = (key: string, count: Count): Count | undefined => {
      now.set(key, count);
      if (last === undefined) return undefined;
      const more = difference(count, last.get(key) ?? NOTHING);
      return more.packets === 0 ? undefined : more;
    };
    for (const { program, rule, packets, bytes } of byRule) {
      const more = news(`rule ${program} ${rule}`, { packets, bytes });
      if (more === undefined) continue;
      const mode = modes.getOrInsertComputed(program, (id) => (isOnlyStaged(id) ? "staged" : "enforced"));
      const key = `${mode} ${rule}`;
      rules.set(key, { rule, mode, ...sum(rules.get(key) ?? NOTHING, more) });
    }
    for (const { guard, packets, bytes } of byGuard) {
      const more = news(`guard ${guard}`, { packets, bytes });
      if (more !== undefined) guards.set(guard, { guard, ...sum(guards.get(guard) ?? NOTHING, more) });
    }
    last = now;
  }

  /** What is told next; undefined: nothing. */
  function nextReport(): Report | undefined {
    if (rules.size + guards.size === 0) return undefined;
    const some = [...rules].slice(0, MOST_COUNTED_RULES);
    for (const [key] of some) rules.delete(key);
    const report = { rules: some.map(([, count]) => count), guards: [...guards.values()] };
    guards.clear();
    sequence += 1;
    return report;
  }

  async function tell(signal: AbortSignal): Promise<void> {
    for (sent ??= nextReport(); sent !== undefined; sent = nextReport()) {
      const limit = timeLimit(clock, ANSWER_LIMIT, signal);
      const body = { run, sequence, ...sent };
      await client.call(routes.tellCounts, { params: { node }, body }, { signal: limit });
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
          if (isHoldfastError(error, "not_found")) sent = undefined;
          if (!signal.aborted) logger.debug("counts are told later", { error: errorText(error) });
        }
        await clock.wait(interval, signal).catch(() => undefined);
      }
    },
  };
}

const NOTHING: Count = { packets: 0, bytes: 0 };

function sum(a: Count, b: Count): Count {
  return { packets: a.packets + b.packets, bytes: a.bytes + b.bytes };
}

/** A count that is less than before has begun anew. */
function difference(now: Count, before: Count): Count {
  if (now.packets < before.packets) return now;
  return { packets: now.packets - before.packets, bytes: Math.max(0, now.bytes - before.bytes) };
}
