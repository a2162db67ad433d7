import type { FlowAlarmEvent } from "@holdfast/model";
import { alarmId } from "./kept.ts";

/** Of one alarm, so that one that flaps pushes nobody else's past out. */
export const MOST_EVENTS_OF_ONE = 500;
/** Of all together. */
export const MOST_EVENTS = 10_000;

/** An event with its place in the order of all. */
export interface LoggedEvent {
  readonly sequence: number;
  readonly event: FlowAlarmEvent;
}

/** What alarms did, in memory, and of it the last that there is room for. */
export interface EventLog {
  /** Of the next event. */
  readonly next: number;
  /** Takes an event that is not older than any that it has. */
  add(logged: LoggedEvent): void;
  /** Which events would have to go for so many more of an alarm, the oldest first. */
  surplus(id: string, more: number): readonly number[];
  remove(sequence: number): void;
  get(sequence: number): FlowAlarmEvent | undefined;
  /** The newest first, before a place in the order. */
  before(sequence: number, of?: string): Iterable<LoggedEvent>;
}

export function createEventLog(): EventLog {
  const events = new Map<number, FlowAlarmEvent>();
  const ofAlarm = new Map<string, number[]>();
  let next = 1;

  function* newestFirst(sequences: readonly number[], before: number): Generator<LoggedEvent> {
    for (let index = sequences.length - 1; index >= 0; index--) {
      const sequence = sequences[index] as number;
      const event = events.get(sequence);
      if (sequence < before && event !== undefined) yield { sequence, event };
    }
  }

  return {
    get next() {
      return next;
    },
    add({ sequence, event }) {
      next = Math.max(next, sequence + 1);
      const id = idOf(event);
      const known = events.has(sequence);
      events.set(sequence, event);
      if (known) return;
      const own = ofAlarm.get(id);
      if (own === undefined) ofAlarm.set(id, [sequence]);
      else own.push(sequence);
    },
    surplus(id, more) {
      const own = ofAlarm.get(id) ?? [];
      const gone = own.slice(0, Math.max(0, own.length + more - MOST_EVENTS_OF_ONE));
      const over = events.size - gone.length + more - MOST_EVENTS;
      if (over <= 0) return gone;
      const others = events.keys().filter((sequence) => !gone.includes(sequence));
      return [...gone, ...others.take(over)];
    },
    remove(sequence) {
      const event = events.get(sequence);
      if (event === undefined) return;
      events.delete(sequence);
      const id = idOf(event);
      const rest = (ofAlarm.get(id) ?? []).filter((one) => one !== sequence);
      if (rest.length === 0) ofAlarm.delete(id);
      else ofAlarm.set(id, rest);
    },
    get: (sequence) => events.get(sequence),
    before: (sequence, of) => newestFirst(of === undefined ? [...events.keys()] : (ofAlarm.get(of) ?? []), sequence),
  };
}

function idOf({ alarm, tenant }: FlowAlarmEvent): string {
  return alarmId({ name: alarm, tenant });
}
