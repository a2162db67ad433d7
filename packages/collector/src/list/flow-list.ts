import { type Clock, errorText, type Logger } from "@holdfast/core";
import type { FlowStatus } from "@holdfast/model";
import type { Redis } from "../stream/redis.ts";
import type { TrafficWindow } from "../windows/traffic.ts";
import { flowDocuments, type ListContent } from "./flow-document.ts";

/** Puts flows as JSON into a list of Redis, from which others take them, e.g. Logstash. */
export interface FlowList extends AsyncDisposable {
  /** Never waits and never fails: what cannot be put is counted. */
  take(window: TrafficWindow): void;
  status(): NonNullable<FlowStatus["list"]>;
}

export interface FlowListOptions {
  /** E.g. `"holdfast:flows"`. */
  readonly key: string;
  readonly content: ListContent;
  /** Documents that the list has at most; beyond it, the oldest go. */
  readonly most: number;
}

export interface FlowListDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly redis: Redis;
  /** A text that no other process makes. */
  readonly nonce: string;
}

/** Documents in one command. */
const CHUNK = 500;
/** So many windows wait for Redis; beyond them, new ones are dropped. */
const MOST_WAITING = 4;
/** Milliseconds. */
const AGAIN_AFTER = 500;

/** Puts documents at the end, and says how many at the beginning had to go for them. */
const PUSH = `
local most = tonumber(ARGV[1])
local over = redis.call("RPUSH", KEYS[1], unpack(ARGV, 2)) - most
if over <= 0 then return 0 end
redis.call("LTRIM", KEYS[1], over, -1)
return over`;

/** What Redis may have, because the connection was lost before it said so, is put again with the same id. */
export function createFlowList(dependencies: FlowListDependencies, options: FlowListOptions): FlowList {
  const { clock, logger, redis, nonce } = dependencies;
  const { key, content, most } = options;
  const counts = { pushed: 0, dropped: 0 };
  const ending = new AbortController();
  let waiting = 0;
  let error: string | undefined;
  let turn: Promise<void> = Promise.resolve();

  async function push(documents: readonly string[]): Promise<void> {
    while (!ending.signal.aborted) {
      try {
        const over = await redis.command<number>(["EVAL", PUSH, "1", key, String(most), ...documents]);
        counts.pushed += documents.length;
        counts.dropped += over;
        error = undefined;
        return;
      } catch (reason) {
        if (error === undefined) logger.warn("flows cannot be put into their list", { key, error: errorText(reason) });
        error = errorText(reason);
        await clock.wait(AGAIN_AFTER, ending.signal).catch(() => undefined);
      }
    }
    counts.dropped += documents.length;
  }

  async function pushAll(window: TrafficWindow): Promise<void> {
    const origin = window.origin?.stream ?? nonce;
    let chunk: string[] = [];
    for (const document of flowDocuments(window, content, origin)) {
      chunk.push(document);
      if (chunk.length < CHUNK) continue;
      await push(chunk);
      chunk = [];
    }
    if (chunk.length > 0) await push(chunk);
    waiting -= 1;
  }

  return {
    take(window) {
      if (waiting >= MOST_WAITING) {
        const all = content === "windows" ? window.rows : window.samples;
        counts.dropped += all.filter(({ isCounted }) => isCounted).length;
        return;
      }
      waiting += 1;
      turn = turn.then(() => pushAll(window));
    },
    status: () => ({
      key,
      content,
      ...counts,
      waitingWindows: waiting,
      ...(error === undefined ? {} : { error }),
    }),
    async [Symbol.asyncDispose]() {
      // What can be put now is put.
      const late = clock.wait(AGAIN_AFTER, ending.signal).catch(() => undefined);
      await Promise.race([turn, late]);
      ending.abort();
      await redis[Symbol.asyncDispose]();
      await turn;
    },
  };
}
