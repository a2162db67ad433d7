import { errorText } from "@holdfast/core";
import { entryFields } from "./entry.ts";
import type { Outbox } from "./outbox.ts";
import type { Redis } from "./redis.ts";

/** Puts what waits in an outbox into the stream, an entry at a time, in order, until Redis has said that it has it. */
export interface Appender {
  /** Begins to send what waits, unless something is on its way: the oldest entry, and those behind it that are full by then. Never waits. */
  flush(): void;
  /** Something is on its way. */
  readonly isBusy: boolean;
  readonly stream: StreamSize;
  /** Why Redis did not take the last entry; undefined: it did. */
  readonly error: string | undefined;
}

/** As of the last second. */
export interface StreamSize {
  readonly entries: number;
  readonly bytes: number;
}

/** Milliseconds. */
const RETRY_AFTER = 100;
const LOOK_AFTER = 1000;
/** How many entries Redis looks at to say how large the stream is. */
const LOOKED_AT = "32";
/** Of the memory that Redis has for the stream at most: without any left it refuses an entry, with the trimming in it, and would stay full. */
const MOST_OF_ROOM = 0.8;
const OUT_OF_MEMORY = "OOM command not allowed";

export interface AppenderOptions {
  readonly key: string;
  /** Of Redis' memory, which the stream may have; beyond it, the oldest entries go. */
  readonly mostBytes: number;
}

/** An entry that Redis may have, because the connection was lost before it said so, is sent again: who reads knows it by its numbers. */
export function createAppender(redis: Redis, outbox: Outbox, { key, mostBytes }: AppenderOptions): Appender {
  let stream: StreamSize = { entries: 0, bytes: 0 };
  let isBusy = false;
  let lookAt = 0;
  let retryAt = 0;
  let error: string | undefined;
  /** Bytes that Redis has for the stream, those included that it has now. */
  let room = Number.POSITIVE_INFINITY;

  /** What the stream may hold is told to Redis in entries, of which it knows how large they are on the whole. */
  async function look(now: number): Promise<void> {
    lookAt = now + LOOK_AFTER;
    const entries = await redis.command<number>(["XLEN", key]);
    const bytes = await redis.command<number | null>(["MEMORY", "USAGE", key, "SAMPLES", LOOKED_AT]);
    stream = { entries, bytes: bytes ?? 0 };
    room = roomIn(await redis.command<string>(["INFO", "memory"]).catch(() => ""), stream.bytes);
  }

  function bound(): readonly string[] {
    if (stream.entries === 0 || stream.bytes === 0) return [];
    const bytes = Math.min(mostBytes, room * MOST_OF_ROOM);
    return ["MAXLEN", "~", String(Math.max(1, Math.floor((bytes * stream.entries) / stream.bytes)))];
  }

  /** Where others took the last memory. */
  async function makeRoom(reason: unknown): Promise<void> {
    const most = bound();
    if (errorText(reason).includes(OUT_OF_MEMORY) && most.length > 0) await redis.command(["XTRIM", key, ...most]);
  }

  async function send(): Promise<void> {
    do await sendNext(Date.now());
    while (outbox.isBehind);
  }

  async function sendNext(now: number): Promise<void> {
    if (now >= lookAt) await look(now);
    const entry = outbox.next();
    if (entry === undefined) return;
    try {
      await redis.command(["XADD", key, ...bound(), "*", ...entryFields(entry)]);
    } catch (reason) {
      await makeRoom(reason);
      throw reason;
    }
    outbox.sent();
    error = undefined;
  }

  return {
    get stream() {
      return stream;
    },
    get error() {
      return error;
    },
    get isBusy() {
      return isBusy;
    },
    flush() {
      if (isBusy || Date.now() < retryAt) return;
      isBusy = true;
      send()
        .catch((reason: unknown) => {
          error = errorText(reason);
          retryAt = Date.now() + RETRY_AFTER;
        })
        .finally(() => {
          isBusy = false;
        });
    },
  };
}

/** @param info what Redis says of its memory; infinity where it has no bound, or does not say */
function roomIn(info: string, ofStream: number): number {
  const bytesOf = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1] ?? 0);
  const most = bytesOf("maxmemory");
  return most === 0 ? Number.POSITIVE_INFINITY : Math.max(0, most - bytesOf("used_memory") + ofStream);
}
