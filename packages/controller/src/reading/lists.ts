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
  for (;;) {
    const limit = Math.min(SCAN, request.limit - items.length + 1);
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
  }
}

/** A page of few objects that are known, in order of their keys. */
export function pageOfKnown<T>(
  known: readonly { readonly key: string; readonly item: T }[],
  request: PageRequest,
  revision: number,
): Page<T> {
  const after = decodeToken(request.continue, "") ?? "";
  const rest = known.filter(({ key }) => key > after).sort((a, b) => (a.key < b.key ? -1 : 1));
  const page = rest.slice(0, request.limit);
  const items = page.map(({ item }) => item);
  const last = page.at(-1);
  return rest.length > page.length && last !== undefined
    ? { items, revision, continue: encodeToken(last.key) }
    : { items, revision };
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
