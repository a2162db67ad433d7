import { type FlowAlarmEvent, flowAlarmLevels, flowAlarmUnit } from "@holdfast/model";
import type { AlarmBook, BookChange } from "./book.ts";
import { alarmId, type KeptAlarm, type KeptMessage } from "./kept.ts";
import type { EventOf, Transitions } from "./transitions.ts";

/** Messages of one alarm that wait at most; of more, the oldest are given up. */
export const MOST_MESSAGES_OF_ONE = 200;

/** An event in the words of the API. */
export function wordsOf(alarm: KeptAlarm, { event, ...seen }: EventOf, at: number, id: string): FlowAlarmEvent {
  const { name, tenant, spec } = alarm;
  const levels = flowAlarmLevels(spec);
  return {
    id,
    at: new Date(at).toISOString(),
    alarm: name,
    ...(tenant === undefined ? {} : { tenant }),
    event,
    ...seen,
    unit: flowAlarmUnit(spec.on),
    level: event === "raised" || event === "test" ? levels.raise : levels.clear,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    ...(Object.keys(spec.labels).length === 0 ? {} : { labels: spec.labels }),
  };
}

/** What is to be written down of transitions: states, events and the messages that tell of them, whole or not at all. */
export function recordOf(
  book: AlarmBook,
  alarm: KeptAlarm,
  { groups, events }: Transitions,
  { at, nonce }: { readonly at: number; readonly nonce: () => string },
): BookChange {
  const id = alarmId(alarm);
  const { webhook } = alarm.spec;
  const first = book.events.next;
  const logged = events.map((event, index) => {
    const words = wordsOf(alarm, event, at, nonce());
    const message = webhook === undefined ? {} : { message: { state: "waiting", tries: 0 } as const };
    return { sequence: first + index, event: { ...words, ...message } };
  });
  const messages = new Map<number, KeptMessage | undefined>(
    webhook === undefined ? [] : logged.map(({ sequence }) => [sequence, { sequence, ...webhook, due: at }]),
  );
  const forget = book.events.surplus(id, logged.length);
  const given = givenUp(book, id, messages.size);
  // What is forgotten is not told any more.
  for (const sequence of [...forget, ...given]) messages.set(sequence, undefined);
  const failed = given.flatMap((sequence) => {
    const event = forget.includes(sequence) ? undefined : book.events.get(sequence);
    if (event === undefined) return [];
    const message = { state: "failed", tries: event.message?.tries ?? 0, error: "too many messages waited" } as const;
    return [{ sequence, event: { ...event, message } }];
  });
  return { groups: { of: id, to: groups }, events: [...failed, ...logged], forget, messages };
}

function givenUp(book: AlarmBook, id: string, more: number): readonly number[] {
  const waiting = [...book.messages.keys()].filter((sequence) => {
    const event = book.events.get(sequence);
    return event !== undefined && alarmId({ name: event.alarm, tenant: event.tenant }) === id;
  });
  return waiting.slice(0, Math.max(0, waiting.length + more - MOST_MESSAGES_OF_ONE));
}
