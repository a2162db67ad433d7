import { formatDuration } from "@holdfast/core";
import type { AddressUsage, Claim, LedgerEntry, Network, Retention } from "@holdfast/model";
import type { Column } from "./table.ts";

/** `env=prod,team=web`. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}

/** How long ago, e.g. `"5m12s"`. */
export function ageText(time: string, now: Date): string {
  return formatDuration(now.getTime() - new Date(time).getTime());
}

/** In words: `"2 hours 5 minutes"`, `"1 day"`, `"0 seconds"`. */
export function durationText(milliseconds: number): string {
  return formatDuration(milliseconds)
    .replaceAll(/(\d+)([dhms])/g, (_, count: string, unit: string) => {
      return ` ${count} ${UNIT_NAMES[unit]}${count === "1" ? "" : "s"}`;
    })
    .trim();
}

const UNIT_NAMES: Readonly<Record<string, string>> = { d: "day", h: "hour", m: "minute", s: "second" };

export function retentionText(retention: Retention): string {
  return retention.kind === "sticky" ? `sticky ${formatDuration(retention.ttlSeconds * 1000)}` : retention.kind;
}

export function boundText(claim: Claim): string {
  if (claim.binding !== undefined) return claim.binding.node;
  return claim.heldFor === undefined ? "" : `(held for ${claim.heldFor})`;
}

/** Whom an entry of the ledger is about: `"redis-0"`; of an address that was passed on, `"redis-0 -> cache-0"`. */
export function ownersText({ identity, formerIdentity }: LedgerEntry): string {
  return formerIdentity === undefined ? identity : `${formerIdentity} -> ${identity}`;
}

export function subnetText(network: Network): string {
  return network.subnets.map(({ prefix }) => prefix).join(",");
}

/** How full something is. */
export const usageColumns: readonly Column<AddressUsage>[] = [
  { title: "CAPACITY", text: (usage) => usage.capacity },
  { title: "USED", text: (usage) => usage.used },
  { title: "HELD", text: (usage) => usage.held },
  { title: "COOLING", text: (usage) => usage.cooling },
  { title: "QUARANTINED", text: (usage) => usage.quarantined },
  { title: "SET ASIDE", text: (usage) => usage.setAside },
  { title: "FREE", text: (usage) => usage.free },
];
