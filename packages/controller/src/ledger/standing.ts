import type { Identity, Name } from "@holdfast/core";
import type { AddressStory, LedgerEntry } from "@holdfast/model";

/** How an address stood at a moment, by its ledger. */
export interface Standing {
  readonly state: Extract<AddressStory["state"], "free" | "cooling" | "claimed" | "bound" | "quarantined">;
  /** Who had it; who had it last, when nobody did. Absent: nobody is known to have had it. */
  readonly identity?: Identity;
  readonly node?: Name;
  readonly endpoint?: string;
  /** Since when. */
  readonly since?: string;
  /** Until when it rests. */
  readonly until?: string;
}

/** From the changes up to a time in milliseconds since 1970, oldest first; the last of them says it all. */
export function standingAt(changes: readonly LedgerEntry[], time: number): Standing {
  const last = changes.at(-1);
  if (last === undefined) return { state: "free" };
  const { identity, at: since, node, endpoint, restsUntil } = last;
  switch (last.event) {
    case "bound":
      return { state: "bound", identity, since, ...place(node, endpoint) };
    case "moved":
      // Without a former endpoint it was taken off the one that it names.
      return last.formerEndpoint === undefined
        ? { state: "claimed", identity, since }
        : { state: "bound", identity, since, ...place(node, endpoint) };
    case "transferred":
      return endpoint === undefined
        ? { state: "claimed", identity, since }
        : { state: "bound", identity, since, ...place(node, endpoint) };
    case "claimed":
    case "imported":
    case "detached":
      return { state: "claimed", identity, since };
    case "released":
    case "expired":
    case "reclaimed":
      return restsUntil === undefined || Date.parse(restsUntil) <= time
        ? { state: "free", identity, since: restsUntil ?? since }
        : { state: "cooling", identity, since, until: restsUntil };
    case "quarantined":
      return { state: "quarantined", identity, since };
    case "cleared": {
      // As it was before, but since then.
      const before = changes.filter(({ event }) => event !== "quarantined" && event !== "cleared");
      return { ...standingAt(before, time), since };
    }
    case "cooled":
    case "refused":
      return { state: "free", identity, since };
  }
}

/** Who had the address before the one who had it last; by what passed it on, also when nothing older is left. */
export function formerOwner(changes: readonly LedgerEntry[]): Identity | undefined {
  const last = changes.at(-1)?.identity;
  const change = changes.findLast(({ identity, formerIdentity }) => identity !== last || formerIdentity !== undefined);
  return change?.identity === last ? change?.formerIdentity : change?.identity;
}

function place(node: Name | undefined, endpoint: string | undefined) {
  return { ...(node === undefined ? {} : { node }), ...(endpoint === undefined ? {} : { endpoint }) };
}
