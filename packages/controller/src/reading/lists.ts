import { HoldfastError } from "@holdfast/core";
import type { Entry, Store } from "@holdfast/store";
import { invalidField } from "../refusals.ts";

export interface Page<T> {
  readonly items: readonly T[];
  readonly revision: number;
  readonly continue?: string;
}

export interface PageRequest {
  readonly limit: number;
  readonly continue?: string | undefined;
}

const SCAN = 1000;
/** What one page looks at, at most: it may be short, or empty, with more to come, and a filter that nothing matches holds up nobody. */
const MOST_LOOKED_AT = 20_000;

/** A page of everything under a prefix that `read` gives something for, in key order. */
export async function pageOfPrefix<T>(
  store: Store,
  prefix: string,
  request: PageRequest,
  read: (entry: Entry) => T | undefined,
): Promise<Page<T>> {
  let after = decodeToken(request.continue, prefix);
  const items: T[] = [];
  let revision: number | undefined;
  let lookedAt = 0;
  for (;;) {
    // Where some have been passed over, more will be.
    const limit = lookedAt === 0 ? Math.min(SCAN, request.limit + 1) : SCAN;
    const page = await store.list(prefix, after === undefined ? { limit } : { limit, after });
    revision ??= page.revision;
    for (const [index, entry] of page.entries.entries()) {
      const item = read(entry);
      if (item !== undefined) items.push(item);
      after = entry.key;
      const more = page.more || index + 1 < page.entries.length;
      if (items.length === request.limit)
        return more ? { items, revision, continue: encodeToken(after) } : { items, revision };
    }
    if (!page.more) return { items, revision };
    lookedAt += page.entries.length;
    if (lookedAt >= MOST_LOOKED_AT && after !== undefined) return { items, revision, continue: encodeToken(after) };
  }
}

/** A page of objects whose keys are known and that `read` gives something for, in order of their keys. Reads what is on the page, not all. */
export function pageOfKnown<T>(
  keys: Iterable<string>,
  request: PageRequest,
  { revision, read }: { readonly revision: number; readonly read: (key: string) => T | undefined },
): Page<T> {
  const after = decodeToken(request.continue, "") ?? "";
  const items: T[] = [];
  const { first, more } = firstBehind(keys, after, Math.max(request.limit, SCAN));
  for (const [index, key] of first.entries()) {
    const item = read(key);
    if (item !== undefined) items.push(item);
    const last = index + 1 === first.length;
    if (items.length === request.limit || (last && more)) {
      return last && !more ? { items, revision } : { items, revision, continue: encodeToken(key) };
    }
  }
  return { items, revision };
}

/** The first `count` keys behind one, in order, without sorting the others. */
function firstBehind(keys: Iterable<string>, after: string, count: number): { first: string[]; more: boolean } {
  let first: string[] = [];
  let more = false;
  let bound: string | undefined;
  const cut = (): void => {
    first.sort();
    if (first.length <= count) return;
    more = true;
    first = first.slice(0, count);
    bound = first.at(-1);
  };
  for (const key of keys) {
    if (key <= after) continue;
    if (bound !== undefined && key > bound) more = true;
    else if (first.push(key) === 2 * count) cut();
  }
  cut();
  return { first, more };
}

/** Reads `env=prod,team=web`. @throws HoldfastError `invalid_argument`. */
export function labelFilter(selector: string | undefined): (labels: Readonly<Record<string, string>>) => boolean {
  if (selector === undefined || selector === "") return () => true;
  const wanted = selector.split(",").map((part) => {
    const equals = part.indexOf("=");
    if (equals < 1) throw invalidField("selector", `${JSON.stringify(part)} is not key=value`);
    return [part.slice(0, equals), part.slice(equals + 1)] as const;
  });
  return (labels) => wanted.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}

function encodeToken(key: string): string {
  return Buffer.from(key).toString("base64url");
}

function decodeToken(token: string | undefined, prefix: string): string | undefined {
  if (token === undefined) return undefined;
  const key = Buffer.from(token, "base64url").toString();
  if (/^[A-Za-z0-9_-]+$/.test(token) && key.startsWith(prefix) && !key.includes("\0")) return key;
  throw new HoldfastError("invalid_argument", "continue: not from a page of this list; begin again without it", {
    details: { field: "continue" },
  });
}
