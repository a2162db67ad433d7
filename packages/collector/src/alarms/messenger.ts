import { backoff, type Clock, createNap, errorText, type Logger, type Name, timeLimit } from "@holdfast/core";
import type { FlowAlarmEvent } from "@holdfast/model";
import type { AlarmBook } from "./book.ts";
import { alarmId, type KeptMessage } from "./kept.ts";
import { messageOf } from "./message.ts";

/** Sends a message; what comes back is its status. Redirects are not followed. */
export type SendMessage = (
  url: string,
  message: {
    /** Whose alarm tells it. Undefined: the platform's own. */
    readonly tenant: Name | undefined;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly signal: AbortSignal;
  },
) => Promise<number>;

/** Brings messages to webhooks, of each alarm one after the other, until they are taken or too old. */
export interface Messenger {
  /** Works until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** There may be new ones. */
  wake(): void;
  /** Sends one that is not kept, once. */
  sendOnce(event: FlowAlarmEvent, to: Target, signal: AbortSignal): Promise<Delivery>;
  readonly counts: { readonly delivered: number; readonly failed: number; readonly tries: number };
}

export type Target = Pick<KeptMessage, "url"> & { readonly secret?: string | undefined };

export interface Delivery {
  readonly delivered: boolean;
  readonly status?: number;
  readonly error?: string;
}

export interface MessengerDependencies {
  readonly book: AlarmBook;
  readonly send: SendMessage;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly turn: <T>(work: () => Promise<T>) => Promise<T>;
}

const PATIENCE = 10_000;
const PAUSES = { first: 2000, longest: 300_000 } as const;
/** What could not be told for so long is old news. */
export const GIVE_UP_AFTER = 86_400_000;
/** Webhooks that are spoken to at once. */
const MOST_AT_ONCE = 8;
const IDLE = 3_600_000;

export function createMessenger({ book, send, clock, random, logger, turn }: MessengerDependencies): Messenger {
  const nap = createNap(clock);
  const busy = new Set<string>();
  const counts = { delivered: 0, failed: 0, tries: 0 };
  const now = (): number => clock.now().getTime();

  async function sendOnce(event: FlowAlarmEvent, { url, secret }: Target, signal: AbortSignal): Promise<Delivery> {
    try {
      const message = messageOf(event, now(), secret);
      const status = await send(url, { ...message, tenant: event.tenant, signal: timeLimit(clock, PATIENCE, signal) });
      if (status >= 200 && status < 300) return { delivered: true, status };
      return { delivered: false, status, error: `${new URL(url).origin} answered with status ${status}` };
    } catch (error) {
      // Errors of a client may name the whole address, which may be a secret.
      const why = errorText(error).replaceAll(url, new URL(url).origin);
      return { delivered: false, error: `${new URL(url).origin} was not reached: ${why}` };
    }
  }

  /** Where the alarm says now; where it said, if it is gone or says nothing any more. */
  function targetOf(event: FlowAlarmEvent, message: KeptMessage): Target {
    return book.alarms.get(idOf(event))?.spec.webhook ?? message;
  }

  async function deliver(message: KeptMessage, event: FlowAlarmEvent, signal: AbortSignal): Promise<void> {
    counts.tries += 1;
    const { delivered, error } = await sendOnce(event, targetOf(event, message), signal);
    if (signal.aborted && !delivered) return;
    const tries = (event.message?.tries ?? 0) + 1;
    const isOver = delivered || now() - Date.parse(event.at) >= GIVE_UP_AFTER;
    const state = delivered ? "delivered" : isOver ? "failed" : "waiting";
    if (state === "failed") logger.warn("a message of an alarm was given up", { alarm: idOf(event), tries, error });
    if (state !== "waiting") counts[state] += 1;
    const told = { ...event, message: { state, tries, ...(error === undefined ? {} : { error }) } } as const;
    const due = now() + backoff(tries - 1, { ...PAUSES, random });
    await turn(async () => {
      // It may be forgotten by now.
      if (!book.messages.has(message.sequence)) return;
      await book.change({
        events: [{ sequence: message.sequence, event: told }],
        messages: new Map([[message.sequence, isOver ? undefined : { ...message, due }]]),
      });
    });
  }

  /** The oldest of each alarm: what was raised is told before what was cleared. */
  function heads(): ReadonlyMap<string, { readonly message: KeptMessage; readonly event: FlowAlarmEvent }> {
    const found = new Map<string, { message: KeptMessage; event: FlowAlarmEvent }>();
    for (const message of book.messages.values()) {
      const event = book.events.get(message.sequence);
      if (event !== undefined && !found.has(idOf(event))) found.set(idOf(event), { message, event });
    }
    return found;
  }

  function start(signal: AbortSignal): number {
    let next = IDLE;
    for (const [id, { message, event }] of heads()) {
      if (busy.has(id)) continue;
      const wait = message.due - now();
      if (wait > 0 || busy.size >= MOST_AT_ONCE) {
        next = Math.min(next, Math.max(0, wait) || IDLE);
        continue;
      }
      busy.add(id);
      void deliver(message, event, signal)
        .catch((error: unknown) => {
          logger.warn("what became of a message of an alarm could not be written down", { error: errorText(error) });
          // It is sent once more then; not at once, for there may be no room on the disk.
          return clock.wait(PAUSES.first, signal).catch(() => undefined);
        })
        .finally(() => {
          busy.delete(id);
          nap.wake();
        });
    }
    return next;
  }

  return {
    async run(signal) {
      while (!signal.aborted) await nap.sleep(start(signal), signal);
    },
    wake: () => nap.wake(),
    sendOnce,
    counts,
  };
}

function idOf({ alarm, tenant }: FlowAlarmEvent): string {
  return alarmId({ name: alarm, tenant });
}
