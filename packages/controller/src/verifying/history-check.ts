import type { Claim, LedgerEntry } from "@holdfast/model";
import { readLedgerEntry } from "../ledger/ledger.ts";
import type { Platform } from "../platform.ts";
import { ledgerPrefix } from "../state/keys.ts";
import type { Finding } from "./finding.ts";

/** Events after which somebody has the address; after {@link ENDS} nobody has. Others say nothing about that. */
const HOLDS: ReadonlySet<string> = new Set(["claimed", "imported", "bound", "detached", "moved", "transferred"]);
const ENDS: ReadonlySet<string> = new Set(["released", "expired", "reclaimed", "cooled"]);

/** Whether an event tells who has the address. */
export function tellsOwner({ event }: Pick<LedgerEntry, "event">): boolean {
  return HOLDS.has(event) || ENDS.has(event);
}

/** Entries; those that tell who has an address are among the newest few. */
const LOOK = 100;

/**
 * What the history of an address says otherwise than the book.
 *
 * @param newest The newest event that {@link tellsOwner}, of a page that is no newer than what is in memory. An address without any is not looked at: old
 * history is forgotten.
 */
export async function historyFindings(
  { state, store }: Pick<Platform, "state" | "store">,
  newest: LedgerEntry,
): Promise<readonly Finding[]> {
  const { tenant, network: name, address } = newest;
  const network = state.network(tenant, name);
  const identity = network?.addresses.get(address);
  const finding = checkHistory(newest, identity === undefined ? undefined : network?.claims.get(identity));
  if (finding === undefined) return [];
  // The owner in memory may be a later one than that of the page.
  const { entries } = await store.list(ledgerPrefix(tenant, name, address), { limit: LOOK });
  const now = entries.map(readLedgerEntry).find(tellsOwner);
  return now === undefined || now.id === newest.id ? [finding] : [];
}

function checkHistory(newest: LedgerEntry, owner: Claim | undefined): Finding | undefined {
  const { tenant, network, address } = newest;
  const heldBy = HOLDS.has(newest.event) ? newest.identity : undefined;
  if (heldBy === owner?.identity) return undefined;
  const said = `the newest event is "${newest.event}" of ${newest.identity} at ${newest.at}`;
  const identity = owner?.identity ?? heldBy;
  return {
    kind: "ledger-differs",
    object: `address ${tenant}/${network}/${address}`,
    about: { tenant, network, addresses: [address], ...(identity === undefined ? {} : { identity }) },
    book: owner === undefined ? "nobody has it" : `${owner.identity} has it`,
    world: `its history: ${said}`,
    remedy: "an entry that says what the book says is added",
    evidence: `${owner?.revision ?? 0} ${newest.event} ${newest.at}`,
    repair: { kind: "note", tenant, network, address, newest: newest.at, heldBy },
  };
}
