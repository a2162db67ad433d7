import { errorText } from "@holdfast/core";
import { type Entry, readEntry } from "./entry.ts";
import type { Redis } from "./redis.ts";

/** An entry as the group gives it. */
export interface Delivery {
  readonly id: string;
  /** Absent: it was trimmed since, or is none of ours. */
  readonly entry?: Entry;
}

/** The one group of consumers of a stream: what it has given and nobody has acknowledged is given again. */
export interface ConsumerGroup {
  /** Makes group and stream where they are missing. */
  ensure(): Promise<void>;
  /** Makes everything ours that was given to anybody and not acknowledged, in order, a part at a time. Dead consumers are forgotten. */
  claim(): AsyncGenerator<readonly Delivery[]>;
  /** What nobody was given yet, in order; waits a little when there is nothing. */
  read(): Promise<readonly Delivery[]>;
  /** These have been read, and need not be given again. @param checkpoint how far, for a reader that has no store to ask */
  acknowledge(ids: readonly string[], checkpoint: string): Promise<void>;
  /** Undefined: none was ever acknowledged. */
  checkpoint(): Promise<string | undefined>;
}

type RawEntry = readonly [id: Buffer, fields: readonly Buffer[] | null];
type RawConsumer = readonly (string | number)[];

export const GROUP = "holdfast";
/** Entries at a time, of 256 KiB at most. */
const COUNT = "32";
const WAIT_MS = "500";
const MOST_IDS = 1000;

/**
 * @param redis.asking does not wait
 * @param redis.waiting for {@link ConsumerGroup.read} alone: a connection that waits does nothing else
 */
export function createConsumerGroup(
  { asking, waiting }: { readonly asking: Redis; readonly waiting: Redis },
  key: string,
  consumer: string,
): ConsumerGroup {
  const checkpointKey = `${key}:checkpoint`;

  async function forgetOthers(): Promise<void> {
    const consumers = await asking.command<readonly RawConsumer[]>(["XINFO", "CONSUMERS", key, GROUP]);
    for (const name of consumers.map(([, other]) => String(other)))
      if (name !== consumer) await asking.command(["XGROUP", "DELCONSUMER", key, GROUP, name]);
  }

  return {
    async ensure() {
      await asking.command(["XGROUP", "CREATE", key, GROUP, "0", "MKSTREAM"]).catch((error: unknown) => {
        if (!errorText(error).includes("BUSYGROUP")) throw error;
      });
    },
    async *claim() {
      for (let from = "0-0"; ; ) {
        const words = ["XAUTOCLAIM", key, GROUP, consumer, "0", from, "COUNT", COUNT];
        const [next, entries] = await asking.bytes<[next: Buffer, entries: readonly (RawEntry | null)[]]>(words);
        yield entries.filter((entry) => entry !== null).map(deliveryOf);
        from = next.toString();
        if (from === "0-0") break;
      }
      await forgetOthers();
    },
    async read() {
      const words = ["XREADGROUP", "GROUP", GROUP, consumer, "COUNT", COUNT, "BLOCK", WAIT_MS, "STREAMS", key, ">"];
      const answer = await waiting.bytes<readonly [readonly [Buffer, readonly RawEntry[]]] | null>(words);
      return answer === null ? [] : answer[0][1].map(deliveryOf);
    },
    async acknowledge(ids, checkpoint) {
      // First: what is given again is then known.
      await asking.command(["SET", checkpointKey, checkpoint]);
      for (let from = 0; from < ids.length; from += MOST_IDS)
        await asking.command(["XACK", key, GROUP, ...ids.slice(from, from + MOST_IDS)]);
    },
    checkpoint: async () => (await asking.command<string | null>(["GET", checkpointKey])) ?? undefined,
  };
}

function deliveryOf([id, fields]: RawEntry): Delivery {
  const entry = fields === null ? undefined : readEntry(fields);
  return { id: id.toString(), ...(entry === undefined ? {} : { entry }) };
}
