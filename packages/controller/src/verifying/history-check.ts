import type { Claim, LedgerEntry } from "@holdfast/model";
import type { Finding } from "./finding.ts";

/** Events after which somebody has the address; after {@link ENDS} nobody has. Others say nothing about that. */
const HOLDS: ReadonlySet<string> = new Set(["claimed", "imported", "bound", "detached", "moved", "transferred"]);
const ENDS: ReadonlySet<string> = new Set(["released", "expired", "reclaimed", "cooled"]);

/** Whether an event tells who has the address. */
export function tellsOwner({ event }: Pick<LedgerEntry, "event">): boolean {
  return HOLDS.has(event) || ENDS.has(event);
}

type AddressName = Pick<LedgerEntry, "tenant" | "network" | "address">;

/**
 * @param newest The newest event that {@link tellsOwner}. An address without any is not looked at: old history is forgotten.
 * @param owner Who has the address by the book.
 */
export function checkHistory(
  { tenant, network, address }: AddressName,
  newest: Pick<LedgerEntry, "event" | "identity" | "at">,
  owner: Claim | undefined,
): Finding | undefined {
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
