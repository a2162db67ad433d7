import { flowAlarmEventSchema } from "@holdfast/model";
import type { Operation, Store } from "@holdfast/store";
import type { z } from "zod";
import { createEventLog, type EventLog, type LoggedEvent } from "./event-log.ts";
import {
  type KeptAlarm,
  type KeptGroup,
  type KeptMessage,
  keptAlarmSchema,
  keptGroupSchema,
  keptMessageSchema,
} from "./kept.ts";

/** Alarms, how they are, what they did and what is still to be told: in memory, and first on disk. */
export interface AlarmBook {
  readonly alarms: ReadonlyMap<string, KeptAlarm>;
  /** Of an alarm by its id, those that have a state that lasts, by their own ids. */
  groups(id: string): ReadonlyMap<string, KeptGroup>;
  readonly events: Omit<EventLog, "add" | "remove">;
  /** By the sequence of their events, in that order. */
  readonly messages: ReadonlyMap<number, KeptMessage>;
  /** Until when alarms have been looked at, to a minute or so; in milliseconds since 1970. Undefined: never. */
  readonly evaluated: number | undefined;
  /** Writes down what has changed, whole or not at all, and then goes by it. @throws HoldfastError `unavailable` when it cannot be written */
  change(change: BookChange): Promise<void>;
}

/** Undefined as a value: it goes. */
export interface BookChange {
  readonly alarm?: { readonly id: string; readonly to: KeptAlarm | undefined };
  readonly groups?: { readonly of: string; readonly to: ReadonlyMap<string, KeptGroup | undefined> };
  readonly events?: readonly LoggedEvent[];
  /** Of the alarm whose events there are too many of. */
  readonly forget?: readonly number[];
  readonly messages?: ReadonlyMap<number, KeptMessage | undefined>;
  readonly evaluated?: number;
}

const EVALUATED = "evaluated";
const SPACES = { alarm: "alarm/", group: "group/", event: "event/", message: "message/" } as const;

/** @throws HoldfastError when the store cannot be read; ZodError when somebody else wrote it */
export async function openAlarmBook(store: Store): Promise<AlarmBook> {
  const memory = await load(store);
  return {
    alarms: memory.alarms,
    groups: (id) => memory.groups.get(id) ?? new Map(),
    events: memory.events,
    messages: memory.messages,
    get evaluated() {
      return memory.evaluated;
    },
    async change(change) {
      const operations = operationsOf(change);
      if (operations.length > 0) await store.commit({ conditions: [], operations });
      follow(memory, change);
    },
  };
}

interface Memory {
  readonly alarms: Map<string, KeptAlarm>;
  readonly groups: Map<string, Map<string, KeptGroup>>;
  readonly events: EventLog;
  readonly messages: Map<number, KeptMessage>;
  evaluated: number | undefined;
}

async function load(store: Store): Promise<Memory> {
  const events = createEventLog();
  const memory: Memory = { alarms: new Map(), groups: new Map(), events, messages: new Map(), evaluated: undefined };
  for await (const [key, alarm] of entries(store, SPACES.alarm, keptAlarmSchema)) memory.alarms.set(key, alarm);
  for await (const [key, group] of entries(store, SPACES.group, keptGroupSchema)) {
    const [tenant = "", name = "", ...rest] = key.split("/");
    setGroup(memory, `${tenant}/${name}`, rest.join("/"), group);
  }
  for await (const [key, event] of entries(store, SPACES.event, flowAlarmEventSchema))
    memory.events.add({ sequence: Number(key), event });
  for await (const [key, message] of entries(store, SPACES.message, keptMessageSchema))
    memory.messages.set(Number(key), message);
  const at = await store.get(EVALUATED);
  memory.evaluated = at === undefined ? undefined : Number(at.value);
  return memory;
}

async function* entries<T extends z.ZodType>(
  store: Store,
  space: string,
  schema: T,
): AsyncGenerator<readonly [string, z.output<T>]> {
  const { entries: found } = await store.list(space);
  for (const { key, value } of found) yield [key.slice(space.length), schema.parse(JSON.parse(value))];
}

function operationsOf({ alarm, groups, events, forget, messages, evaluated }: BookChange): Operation[] {
  return [
    ...(alarm === undefined ? [] : [operation(SPACES.alarm + alarm.id, alarm.to)]),
    ...Array.from(groups?.to ?? [], ([id, group]) => operation(`${SPACES.group}${groups?.of}/${id}`, group)),
    ...(events ?? []).map(({ sequence, event }) => operation(SPACES.event + ordered(sequence), event)),
    ...(forget ?? []).map((sequence) => operation(SPACES.event + ordered(sequence), undefined)),
    ...Array.from(messages ?? [], ([sequence, message]) => operation(SPACES.message + ordered(sequence), message)),
    ...(evaluated === undefined ? [] : [operation(EVALUATED, evaluated)]),
  ];
}

function operation(key: string, value: unknown): Operation {
  return value === undefined ? { kind: "delete", key } : { kind: "put", key, value: JSON.stringify(value) };
}

/** So that the order of keys is that of numbers. */
function ordered(sequence: number): string {
  return String(sequence).padStart(15, "0");
}

function follow(memory: Memory, { alarm, groups, events, forget, messages, evaluated }: BookChange): void {
  if (alarm !== undefined) setOrDelete(memory.alarms, alarm.id, alarm.to);
  for (const [id, group] of groups?.to ?? []) setGroup(memory, groups?.of ?? "", id, group);
  for (const event of events ?? []) memory.events.add(event);
  for (const sequence of forget ?? []) memory.events.remove(sequence);
  for (const [sequence, message] of messages ?? []) setOrDelete(memory.messages, sequence, message);
  if (evaluated !== undefined) memory.evaluated = evaluated;
}

function setGroup({ groups }: Memory, alarm: string, id: string, group: KeptGroup | undefined): void {
  const own = groups.get(alarm) ?? new Map<string, KeptGroup>();
  setOrDelete(own, id, group);
  setOrDelete(groups, alarm, own.size === 0 ? undefined : own);
}

function setOrDelete<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
