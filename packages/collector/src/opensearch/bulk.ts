import { backoff, type Clock, errorText, HoldfastError, isHoldfastError } from "@holdfast/core";
import type { SearchServer } from "./server.ts";

/** A document with the id that it has however often it is sent. */
export interface IdentifiedDocument {
  readonly id: string;
  /** JSON. */
  readonly json: string;
}

/** What became of documents. */
export interface Written {
  /** That the cluster has now. */
  readonly kept: number;
  /** That it never takes. */
  readonly refused: number;
  /** Why the first of them was refused. */
  readonly reason: string | undefined;
}

export interface BulkOptions {
  /** Milliseconds for which what fails is tried again; 0: once. */
  readonly patience: number;
  readonly signal: AbortSignal;
  /** Hears why something has to be sent again. */
  readonly onTrouble?: (why: string) => void;
}

/** Both bound what is held as text at once. */
const MOST_DOCUMENTS = 2000;
const MOST_CHARACTERS = 4 * 1024 * 1024;
/** Milliseconds that one request may take. */
const REQUEST_PATIENCE = 30_000;
/** The same of one that is tried once: others wait behind it, and so does who wants to stop. */
const SHORT_PATIENCE = 5000;

interface BulkAnswer {
  readonly items: readonly { readonly create: BulkItem }[];
}

interface BulkItem {
  readonly status: number;
  readonly error?: { readonly type?: string; readonly reason?: string };
}

/**
 * Writes documents to a data stream. What the cluster cannot take now, as a whole or one by one, is sent again, more and more slowly; what it has already is
 * not counted twice, because it has its id.
 *
 * @throws HoldfastError `unavailable` when something could still not be written after the patience; the signal's reason
 */
export async function writeDocuments(
  { clock, server }: { readonly clock: Clock; readonly server: SearchServer },
  stream: string,
  documents: Iterable<IdentifiedDocument>,
  { patience, signal, onTrouble }: BulkOptions,
): Promise<Written> {
  const until = clock.monotonic() + patience;
  let [kept, refused] = [0, 0];
  let reason: string | undefined;

  async function send(documents: readonly IdentifiedDocument[]): Promise<void> {
    let left = documents;
    for (let attempt = 0; left.length > 0; attempt++) {
      signal.throwIfAborted();
      const why = await once();
      if (why === undefined) continue;
      onTrouble?.(why);
      if (clock.monotonic() >= until) throw new HoldfastError("unavailable", why);
      await clock.wait(backoff(attempt, { first: 100, longest: 5000 }), signal);
    }

    /** Why some are left to be sent again; undefined: none are. */
    async function once(): Promise<string | undefined> {
      try {
        const body = left.map(({ id, json }) => `{"create":{"_id":${JSON.stringify(id)}}}\n${json}\n`).join("");
        const path = `/${stream}/_bulk?filter_path=items.*.status,items.*.error.type,items.*.error.reason`;
        const { items } = await server.ask<BulkAnswer>({
          method: "POST",
          path,
          body,
          patience: patience === 0 ? SHORT_PATIENCE : REQUEST_PATIENCE,
          signal,
        });
        return sorted(items.map(({ create }) => create));
      } catch (error) {
        if (!isHoldfastError(error) || !isForNow(error)) throw error;
        return errorText(error);
      }
    }

    function sorted(items: readonly BulkItem[]): string | undefined {
      const again: IdentifiedDocument[] = [];
      let why: string | undefined;
      for (const [index, document] of left.entries()) {
        const item = items[index] ?? { status: 500 };
        const said = `${item.error?.type ?? item.status}: ${item.error?.reason ?? "nothing more"}`;
        if (item.status < 300 || item.status === HAS_IT) kept += 1;
        else if (isForNowItem(item)) {
          again.push(document);
          why ??= `${server.name} does not take documents of ${stream} now: ${said}`;
        } else {
          refused += 1;
          reason ??= `${server.name} refuses a document of ${stream}: ${said}`;
        }
      }
      left = again;
      return why;
    }
  }

  for (const chunk of chunksOf(documents)) await send(chunk);
  return { kept, refused, reason };
}

/** The id is there: it was written by a try whose answer did not arrive. */
const HAS_IT = 409;

function isForNow({ code, retryable }: HoldfastError): boolean {
  // Whoever is not let in now may be later: passwords are renewed, and clusters start without their users.
  return retryable || code === "unauthenticated";
}

/** A full disk closes indices for writing until there is room. */
function isForNowItem({ status, error }: BulkItem): boolean {
  return status === 429 || status === 408 || status >= 500 || error?.type === "cluster_block_exception";
}

function* chunksOf(documents: Iterable<IdentifiedDocument>): Generator<readonly IdentifiedDocument[]> {
  let chunk: IdentifiedDocument[] = [];
  let characters = 0;
  for (const document of documents) {
    chunk.push(document);
    characters += document.json.length;
    if (chunk.length < MOST_DOCUMENTS && characters < MOST_CHARACTERS) continue;
    yield chunk;
    [chunk, characters] = [[], 0];
  }
  if (chunk.length > 0) yield chunk;
}
