import { type Clock, errorText, formatDuration, HoldfastError, type Logger, parseDuration } from "@holdfast/core";
import type { FlowExporter } from "@holdfast/model";
import type { DroppingIdentity } from "../counters/port-counters.ts";
import type { HeardDrops } from "../drops/follow-drops.ts";
import type { SumAnswer, SumPlan } from "../query/plan.ts";
import type { FlowStore } from "../store/store.ts";
import type { TrafficWindow } from "../windows/traffic.ts";
import { recordOf } from "./announce.ts";
import type { AlarmBook } from "./book.ts";
import { createCoverage } from "./coverage.ts";
import { deniedPlan, deniedValues, NO_CONTROLLER, whyUnheard } from "./denied-values.ts";
import { dropValues } from "./drop-values.ts";
import { alarmId, type KeptAlarm } from "./kept.ts";
import { silenceValues } from "./silence.ts";
import { alarmPlan, trafficValues } from "./traffic-values.ts";
import { type Transitions, termsOf, transitionsOf } from "./transitions.ts";
import type { Observation, Values } from "./values.ts";

/** Looks at alarms when windows are over. */
export interface Watcher {
  /** Takes note of a window that the store is about to have, or to lose. */
  follow(window: Pick<TrafficWindow, "start" | "seconds">, kept: Promise<void>): void;
  /** What is known of an alarm beyond what is written down. */
  seen(id: string): Seen;
  /** It is another alarm now, or none: it is looked at anew with the next window. */
  forget(id: string): void;
  /** What an alarm would see at the end of the last window. */
  look(alarm: KeptAlarm): Promise<Values>;
  /** Looks at no more alarms, and resolves when the one under way is done. */
  stop(): Promise<void>;
  readonly evaluations: number;
}

/** What the last look at an alarm said. */
export interface Seen {
  /** End of the time that was looked at, in milliseconds since 1970. Undefined: none yet. */
  readonly at?: number;
  /** Why it could not be looked at since. */
  readonly problem?: string;
  readonly leftOut: number;
  readonly values: ReadonlyMap<string, Observation>;
}

export interface WatcherDependencies {
  readonly book: AlarmBook;
  /** Undefined: no traffic is kept, and alarms on traffic cannot be looked at. */
  readonly store: Pick<FlowStore, "sums" | "drops"> | undefined;
  readonly exporters: () => readonly FlowExporter[];
  /** What ports threw away lately, at a moment. */
  readonly drops: (now: number) => readonly DroppingIdentity[];
  /** Of which time it is known what policies dropped. Absent: no controller tells it. */
  readonly heardDrops?: (() => HeardDrops | undefined) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nonce: () => string;
  /** Lets one at a time change the book. */
  readonly turn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Called when there are new messages. */
  readonly onMessages: () => void;
}

const NOTHING_SEEN: Seen = { leftOut: 0, values: new Map() };
/** Milliseconds between two looks at one alarm. */
const [SHORTEST, LONGEST] = [10_000, 60_000];
/** How often it is written down until when alarms have been looked at. */
const NOTED_EVERY = 60_000;

/** Answers of one round, so that alarms that ask the same cost one query. */
type Round = Map<string, Promise<SumAnswer>>;

export function createWatcher(dependencies: WatcherDependencies): Watcher {
  const { book, store, exporters, drops, heardDrops, logger, nonce, turn, onMessages } = dependencies;
  const seen = new Map<string, Seen>();
  const due = new Map<string, number>();
  const coverage = createCoverage();
  let [began, newest, looked, evaluations] = [0, 0, 0, 0];
  let working: Promise<void> | undefined;
  let stopped = false;

  async function valuesOf(alarm: KeptAlarm, to: number, round: Round): Promise<Values> {
    const { on } = alarm.spec;
    if (on.kind === "silent")
      return silenceValues(exporters(), { at: to, since: began, level: termsOf(alarm).raise.at });
    if (on.kind === "drops") return dropValues(drops(to), alarm.tenant);
    const since = (coverage.from ?? to) - to + parseDuration(alarm.spec.over);
    if (since > 0)
      return {
        kind: "unknown",
        why: `traffic is looked at again in ${formatDuration(since + 999)}, when there is enough of it without a gap`,
      };
    if (on.kind === "denied") return await valuesOfDenied(alarm, to);
    const plan = alarmPlan(alarm, on, to);
    return trafficValues(alarm, on, await askOnce(plan, round));
  }

  async function valuesOfDenied(alarm: KeptAlarm, to: number): Promise<Values> {
    const why = heardDrops === undefined ? NO_CONTROLLER : whyUnheard(alarm, heardDrops(), to);
    if (why !== undefined) return { kind: "unknown", why };
    return deniedValues(alarm, await kept().drops(deniedPlan(alarm, to)));
  }

  function kept(): NonNullable<WatcherDependencies["store"]> {
    if (store === undefined) throw new HoldfastError("precondition_failed", "this collector keeps no traffic");
    return store;
  }

  function askOnce(plan: SumPlan, round: Round): Promise<SumAnswer> {
    const key = JSON.stringify(plan);
    const known = round.get(key) ?? kept().sums(plan);
    round.set(key, known);
    return known;
  }

  async function evaluate(id: string, to: number, round: Round): Promise<void> {
    const alarm = book.alarms.get(id);
    if (alarm === undefined || !alarm.spec.enabled) return;
    const values = await valuesOf(alarm, to, round).catch(
      (error: unknown): Values => ({ kind: "unknown", why: errorText(error) }),
    );
    await turn(async () => {
      // Whoever changed it meanwhile began anew.
      if (book.alarms.get(id) !== alarm) return;
      if (values.kind === "unknown") seen.set(id, { ...seenOf(id), problem: values.why });
      else await conclude(alarm, values, to);
    });
    evaluations += 1;
  }

  async function conclude(alarm: KeptAlarm, values: Values & { kind: "known" }, at: number): Promise<void> {
    const id = alarmId(alarm);
    const before = seenOf(id).at ?? book.evaluated ?? at;
    const gap = at - before > 2 * parseDuration(alarm.spec.over) + NOTED_EVERY;
    const transitions = transitionsOf(alarm, book.groups(id), values, { at, gap });
    if (transitions.groups.size > 0 || transitions.events.length > 0) {
      await book.change(recordOf(book, alarm, transitions, { at, nonce }));
      report(alarm, transitions);
    }
    const followed = book.groups(id);
    seen.set(id, {
      at,
      leftOut: transitions.leftOut,
      values: new Map(values.observations.filter((one) => followed.has(one.id)).map((one) => [one.id, one])),
    });
  }

  function report(alarm: KeptAlarm, { events }: Transitions): void {
    for (const { event, key, value } of events) {
      const said = { alarm: alarmId(alarm), key, ...(value === undefined ? {} : { value }) };
      if (event === "raised") logger.warn("an alarm was raised", said);
      else logger.info(`an alarm was ${event}`, said);
    }
    if (events.length > 0) onMessages();
  }

  async function look(): Promise<void> {
    while (looked !== newest && !stopped) {
      looked = newest;
      const to = looked;
      const round: Round = new Map();
      for (const id of [...book.alarms.keys()]) {
        if (stopped) return;
        if ((due.get(id) ?? 0) > to) continue;
        due.set(id, to + intervalOf(book.alarms.get(id)));
        await evaluate(id, to, round).catch((error: unknown) => {
          seen.set(id, { ...seenOf(id), problem: errorText(error) });
          logger.warn("an alarm could not be looked at", { alarm: id, error: errorText(error) });
        });
      }
      await noteEvaluated(to);
    }
  }

  async function noteEvaluated(to: number): Promise<void> {
    if (to - (book.evaluated ?? 0) < NOTED_EVERY) return;
    await turn(() => book.change({ evaluated: to })).catch((error: unknown) => {
      logger.warn("how far alarms have been looked at could not be written down", { error: errorText(error) });
    });
  }

  function over({ start, seconds }: Pick<TrafficWindow, "start" | "seconds">, isKept: boolean): void {
    coverage.note({ start, seconds }, isKept);
    began ||= start;
    newest = start + seconds * 1000;
    working ??= look().finally(() => {
      working = undefined;
    });
  }

  const seenOf = (id: string): Seen => seen.get(id) ?? NOTHING_SEEN;

  return {
    get evaluations() {
      return evaluations;
    },
    follow(window, kept) {
      kept.then(
        () => over(window, true),
        () => over(window, false),
      );
    },
    seen: seenOf,
    forget(id) {
      seen.delete(id);
      due.delete(id);
    },
    look: (alarm) => valuesOf(alarm, newest, new Map()),
    async stop() {
      stopped = true;
      await working;
    },
  };
}

function intervalOf(alarm: KeptAlarm | undefined): number {
  const over = alarm === undefined ? LONGEST : parseDuration(alarm.spec.over);
  return Math.min(LONGEST, Math.max(SHORTEST, over / 6));
}
