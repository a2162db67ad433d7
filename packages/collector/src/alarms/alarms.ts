import { type Clock, createTurns, HoldfastError, type Logger, type Name } from "@holdfast/core";
import {
  changedFlowAlarm,
  type FlowAlarm,
  type FlowAlarmDetail,
  type FlowAlarmEvent,
  type FlowAlarmPatch,
  type FlowAlarmState,
  type FlowAlarmTest,
  type FlowExporter,
  type NewFlowAlarm,
} from "@holdfast/model";
import type { Store } from "@holdfast/store";
import { refused } from "../api/refused.ts";
import type { DroppingIdentity } from "../counters/port-counters.ts";
import type { HeardDrops } from "../drops/follow-drops.ts";
import type { FlowStore } from "../store/store.ts";
import { type Destinations, refusedText } from "../webhooks/destinations.ts";
import { recordOf, wordsOf } from "./announce.ts";
import { alarmAnswer, alarmDetail } from "./answers.ts";
import { openAlarmBook } from "./book.ts";
import { isRaising } from "./condition.ts";
import { NO_CONTROLLER } from "./denied-values.ts";
import { type AlarmName, alarmId, type KeptAlarm } from "./kept.ts";
import { createMessenger, type SendMessage } from "./messenger.ts";
import { refuseOneMore } from "./room.ts";
import { alarmPlan } from "./traffic-values.ts";
import { clearedBy, termsOf } from "./transitions.ts";
import { createWatcher, type Watcher } from "./watcher.ts";

/** Alarms on traffic and exporters: what people want to hear of, whether it is so, and that they hear of it. */
export interface Alarms {
  /** Windows drive the looks at alarms. */
  readonly follow: Watcher["follow"];
  /** @throws HoldfastError `invalid_argument`, naming the field; `quota_exceeded`; `precondition_failed` when no traffic is kept */
  put(name: AlarmName, spec: NewFlowAlarm): Promise<FlowAlarm>;
  /** @throws HoldfastError `not_found`; as {@link Alarms.put} */
  update(name: AlarmName, patch: FlowAlarmPatch): Promise<FlowAlarm>;
  /** @throws HoldfastError `not_found` */
  get(name: AlarmName): FlowAlarmDetail;
  /** @throws HoldfastError `not_found` */
  delete(name: AlarmName): Promise<void>;
  /** In the order of tenants and names; only a tenant's if one is named. */
  list(query: ListQuery): Page<FlowAlarm>;
  /** The newest first. */
  history(query: HistoryQuery): Page<FlowAlarmEvent>;
  /** @throws HoldfastError `not_found` */
  test(name: AlarmName, signal: AbortSignal): Promise<FlowAlarmTest>;
  /** Brings messages to webhooks, until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** Looks at no more of them. */
  stop(): Promise<void>;
  figures(): AlarmFigures;
}

export interface Page<T> {
  readonly items: T[];
  readonly revision: number;
  readonly continue?: string;
}

interface ListQuery {
  readonly tenant?: Name | undefined;
  readonly state?: FlowAlarmState | undefined;
  readonly limit: number;
  readonly continue?: string | undefined;
}

interface HistoryQuery extends Omit<ListQuery, "state"> {
  readonly alarm?: Name | undefined;
}

/** Since the start, but for the alarms themselves. */
export interface AlarmFigures {
  readonly states: ReadonlyMap<FlowAlarmState, number>;
  readonly evaluations: number;
  readonly messages: {
    readonly delivered: number;
    readonly failed: number;
    readonly tries: number;
    readonly waiting: number;
  };
}

export interface AlarmsDependencies {
  /** Where alarms are kept. */
  readonly book: Store;
  /** Undefined: no traffic is kept. */
  readonly store: Pick<FlowStore, "sums" | "drops"> | undefined;
  readonly exporters: () => readonly FlowExporter[];
  readonly drops: (now: number) => readonly DroppingIdentity[];
  /** Of which time it is known what policies dropped. Absent: no controller tells it. */
  readonly heardDrops?: (() => HeardDrops | undefined) | undefined;
  readonly send: SendMessage;
  /** Where webhooks of tenants may not go. */
  readonly whyRefused: Destinations["whyRefused"];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  /** Makes names that nobody else has. */
  readonly nonce: () => string;
}

const MOST_TESTED = 20;

/** @throws HoldfastError when what is kept cannot be read */
export async function openAlarms(dependencies: AlarmsDependencies): Promise<Alarms> {
  const { clock, nonce } = dependencies;
  const book = await openAlarmBook(dependencies.book);
  const turns = createTurns();
  const turn = <T>(work: () => Promise<T>): Promise<T> => turns.take("book", work);
  const messenger = createMessenger({ ...dependencies, book, turn });
  const watcher = createWatcher({ ...dependencies, book, turn, onMessages: messenger.wake });
  const now = (): number => clock.now().getTime();

  function existing(name: AlarmName): KeptAlarm {
    const alarm = book.alarms.get(alarmId(name));
    if (alarm !== undefined) return alarm;
    const whose = name.tenant === undefined ? "the platform's own; -t names a tenant" : `tenant ${name.tenant}`;
    throw new HoldfastError("not_found", `there is no alarm ${name.name} (${whose}); 'flows alarms list' shows all`);
  }

  /** Ends what is raised where it means something else from now on. */
  function ending(before: KeptAlarm | undefined): ReturnType<typeof recordOf> | undefined {
    if (before === undefined || book.groups(alarmId(before)).size === 0) return undefined;
    return recordOf(book, before, clearedBy(book.groups(alarmId(before)), now()), { at: now(), nonce });
  }

  /** In one turn, so that of two changes at once none is lost. */
  function write(name: AlarmName, specOf: () => NewFlowAlarm): Promise<FlowAlarm> {
    const id = alarmId(name);
    return turn(async () => {
      const spec = specOf();
      check(name, spec, dependencies);
      refuseWebhook(name, spec, dependencies.whyRefused);
      const before = book.alarms.get(id);
      if (before === undefined) refuseOneMore(book.alarms.values(), name);
      const isSame = before !== undefined && JSON.stringify(before.spec) === JSON.stringify(spec);
      if (!isSame) {
        const alarm = { ...name, spec, createdAt: before?.createdAt ?? now(), updatedAt: now() };
        await book.change({ ...(meansTheSame(before?.spec, spec) ? {} : ending(before)), alarm: { id, to: alarm } });
        watcher.forget(id);
        messenger.wake();
      }
      return alarmAnswer(book, existing(name), watcher.seen(id));
    });
  }

  return {
    follow: watcher.follow,
    put: (name, spec) => write(name, () => spec),
    update: (name, patch) => write(name, () => changedFlowAlarm(existing(name).spec, patch)),
    get: (name) => alarmDetail(book, existing(name), watcher.seen(alarmId(name))),
    delete: (name) =>
      turn(async () => {
        const alarm = existing(name);
        const id = alarmId(name);
        await book.change({ ...ending(alarm), alarm: { id, to: undefined } });
        watcher.forget(id);
        messenger.wake();
      }),
    list({ tenant, state, limit, continue: after = "" }) {
      const ids = [...book.alarms.keys()].sort().filter((id) => id > after);
      const found = ids.flatMap((id) => {
        const alarm = book.alarms.get(id);
        if (alarm === undefined || (tenant !== undefined && alarm.tenant !== tenant)) return [];
        const answer = alarmAnswer(book, alarm, watcher.seen(id));
        return state === undefined || answer.state === state ? [{ id, answer }] : [];
      });
      return pageOf(found, limit, ({ id }) => id);
    },
    history({ tenant, alarm, limit, continue: before }) {
      const found: { readonly id: string; readonly answer: FlowAlarmEvent }[] = [];
      const of = tenant !== undefined && alarm !== undefined ? alarmId({ tenant, name: alarm }) : undefined;
      const from = before === undefined ? Number.POSITIVE_INFINITY : sequenceOf(before);
      for (const { sequence, event } of book.events.before(from, of)) {
        if (tenant !== undefined && event.tenant !== tenant) continue;
        if (alarm !== undefined && event.alarm !== alarm) continue;
        found.push({ id: String(sequence), answer: event });
        if (found.length > limit) break;
      }
      return pageOf(found, limit, ({ id }) => id);
    },
    async test(name, signal) {
      const alarm = existing(name);
      const terms = termsOf(alarm);
      const values = await watcher.look(alarm);
      const known = values.kind === "known" ? values.observations : [];
      const sign = terms.when === "above" ? 1 : -1;
      const groups = known
        .toSorted((a, b) => sign * (b.value - a.value))
        .slice(0, MOST_TESTED)
        .map(({ key, value, errorPercent }) => ({
          key,
          value,
          ...(errorPercent === undefined ? {} : { errorPercent }),
          beyond: isRaising(value, terms),
        }));
      const { webhook } = alarm.spec;
      const event = { event: "test", key: groups[0]?.key ?? {}, ...(groups[0] && { value: groups[0].value }) } as const;
      const began = clock.monotonic();
      const delivery = webhook && (await messenger.sendOnce(wordsOf(alarm, event, now(), nonce()), webhook, signal));
      const { unit } = alarmAnswer(book, alarm, watcher.seen(alarmId(name)));
      return {
        unit,
        groups,
        ...(values.kind === "unknown" ? { problem: values.why } : {}),
        ...(delivery && { webhook: { ...delivery, milliseconds: clock.monotonic() - began } }),
      };
    },
    run: messenger.run,
    stop: watcher.stop,
    figures() {
      const answers = [...book.alarms].map(([id, alarm]) => alarmAnswer(book, alarm, watcher.seen(id)));
      const states = new Map<FlowAlarmState, number>();
      for (const { state } of answers) states.set(state, (states.get(state) ?? 0) + 1);
      const messages = { ...messenger.counts, waiting: book.messages.size };
      return { states, evaluations: watcher.evaluations, messages };
    },
  };

  function pageOf<T>(found: readonly { readonly answer: T }[], limit: number, idOf: (one: never) => string): Page<T> {
    const page = found.slice(0, limit);
    const last = found.length > limit ? page.at(-1) : undefined;
    return {
      items: page.map(({ answer }) => answer),
      revision: book.events.next,
      ...(last === undefined ? {} : { continue: idOf(last as never) }),
    };
  }
}

/** @throws HoldfastError `invalid_argument`, naming the field; `precondition_failed` */
function check(
  { tenant }: AlarmName,
  spec: NewFlowAlarm,
  { store, heardDrops }: Pick<AlarmsDependencies, "store" | "heardDrops">,
): void {
  if (spec.on.kind === "silent") {
    if (tenant === undefined) return;
    throw refused("on.kind", "exporters are the platform's, not a tenant's");
  }
  if (spec.on.kind === "drops") return;
  if (spec.on.kind === "denied" && heardDrops === undefined)
    throw new HoldfastError("precondition_failed", `on.kind: ${NO_CONTROLLER}; start it without --no-names`);
  if (spec.on.kind !== "denied") alarmPlan({ spec, tenant }, spec.on, 0);
  if (store === undefined)
    throw new HoldfastError("precondition_failed", "this collector keeps no traffic; start it with --store FILE");
}

/** What only a look-up tells is refused when a message is sent. @throws HoldfastError `invalid_argument` */
function refuseWebhook(
  { tenant }: AlarmName,
  { webhook }: NewFlowAlarm,
  whyRefused: AlarmsDependencies["whyRefused"],
): void {
  if (tenant === undefined || webhook === undefined) return;
  const why = whyRefused(new URL(webhook.url).hostname);
  if (why !== undefined) throw refused("webhook.url", refusedText(why));
}

/** Whether what is raised stays raised: other levels, times and webhooks only matter for what comes. */
function meansTheSame(before: NewFlowAlarm | undefined, after: NewFlowAlarm): boolean {
  if (before === undefined) return true;
  const meaning = ({ on, when, enabled }: NewFlowAlarm): string => JSON.stringify([on, when, enabled]);
  return meaning(before) === meaning(after);
}

function sequenceOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw refused("continue", "not that of a page before");
}
