import { once } from "node:events";
import type { Writable } from "node:stream";
import { type Clock, errorText, HoldfastError, isHoldfastError, type Name } from "@holdfast/core";
import { problemOf, type ResourceKind } from "@holdfast/model";
import type { Change, Store } from "@holdfast/store";
import type { Nodes } from "../nodes/nodes.ts";
import { collectionOf, splitKey } from "../state/keys.ts";
import { publicNetwork, type StoredNetwork, type StoredNode } from "../state/records.ts";

export interface WatchRequest {
  readonly kinds: readonly ResourceKind[] | undefined;
  readonly tenant: Name | undefined;
  /** Changes after this one. */
  readonly revision: number;
  /** Server-sent events instead of lines. */
  readonly events: boolean;
}

export interface WatchDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly nodes: Nodes;
}

const KIND_OF: Readonly<Record<string, ResourceKind>> = {
  tenants: "tenant",
  networks: "network",
  claims: "claim",
  endpoints: "endpoint",
  nodes: "node",
  operations: "operation",
};
const PARTS: Readonly<Record<ResourceKind, readonly string[]>> = {
  tenant: ["tenant"],
  network: ["tenant", "network"],
  claim: ["tenant", "network", "identity"],
  endpoint: ["endpoint"],
  node: ["node"],
  operation: ["operation"],
};

/**
 * Writes every change after a revision until the signal is aborted, with bookmarks. Reads on only when the reader has kept up, so a slow
 * one costs nothing; one that is too slow for the store's history gets `revision_gone` as its last line.
 */
export async function watchInto(
  output: Writable,
  dependencies: WatchDependencies,
  request: WatchRequest,
  options: { readonly bookmark: number; readonly signal: AbortSignal },
): Promise<void> {
  const { signal } = options;
  let sent = request.revision;
  const say = async (json: string): Promise<void> => {
    if (output.write(request.events ? `data: ${json}\n\n` : `${json}\n`) || signal.aborted) return;
    // The signal ends the wait, and is looked at by the callers.
    await once(output, "drain", { signal }).catch(() => undefined);
  };
  const bookmark = () => say(`{"type":"bookmark","revision":${sent}}`);
  const ended = new AbortController();
  const bookmarks = keepSaying(bookmark, dependencies.clock, options.bookmark, AbortSignal.any([signal, ended.signal]));
  try {
    await bookmark();
    for await (const batch of dependencies.store.watch("", { after: request.revision, signal })) {
      for (const change of batch.changes) {
        const json = eventOf(change, request, dependencies.nodes, batch.revision);
        if (json !== undefined) await say(json);
      }
      sent = batch.revision;
    }
  } catch (error) {
    const known = isHoldfastError(error) ? error : new HoldfastError("internal", errorText(error), { cause: error });
    await say(JSON.stringify({ type: "error", problem: problemOf(known) }));
  } finally {
    ended.abort();
    await bookmarks;
  }
}

async function keepSaying(say: () => Promise<void>, clock: Clock, every: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // The wait ends early only when the watch does.
    await clock.wait(every, signal).catch(() => undefined);
    if (!signal.aborted) await say();
  }
}

/** A change as a line; undefined when the reader did not ask for it. */
function eventOf(change: Change, request: WatchRequest, nodes: Nodes, revision: number): string | undefined {
  const key = change.kind === "put" ? change.entry.key : change.key;
  const kind = KIND_OF[collectionOf(key)];
  if (kind === undefined || (request.kinds !== undefined && !request.kinds.includes(kind))) return undefined;
  const parts = splitKey(key, PARTS[kind].length);
  if (request.tenant !== undefined && !concernsTenant(change, kind, parts, request.tenant)) return undefined;
  if (change.kind === "delete") {
    const named = Object.fromEntries(PARTS[kind].map((name, index) => [name, parts[index + 1] ?? ""]));
    return JSON.stringify({ type: "delete", kind, revision, key: named });
  }
  const head = `{"type":"put","kind":"${kind}","revision":${revision},"object":`;
  return `${head}${objectText(kind, change.entry.value, revision, nodes)}}`;
}

/** Nodes belong to no tenant; the keys of endpoints and operations do not say whose they are. */
function concernsTenant(change: Change, kind: ResourceKind, parts: readonly string[], tenant: Name): boolean {
  if (kind === "node") return false;
  if (kind !== "endpoint" && kind !== "operation") return parts[1] === tenant;
  return change.kind === "delete" || change.entry.value.includes(`"tenant":"${tenant}"`);
}

/** The stored text with the revision put in; only what differs from what is stored is parsed. */
function objectText(kind: ResourceKind, value: string, revision: number, nodes: Nodes): string {
  if (kind === "node") return JSON.stringify(nodes.withLife({ ...(JSON.parse(value) as StoredNode), revision }));
  if (kind === "network") return JSON.stringify({ ...publicNetwork(JSON.parse(value) as StoredNetwork), revision });
  return `${value.slice(0, -1)},"revision":${revision}}`;
}
