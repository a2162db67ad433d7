import { createKnownTable, type KnownTable } from "../../../qos/known-table.ts";
import { FIRST_NUMBER, LAST_NUMBER } from "../pipeline/layout.ts";
import { zoneOf } from "../policy/endpoint-flows.ts";
import type { ZoneLimit, ZoneLimits } from "../zone-limits.ts";

/** How many connections endpoints may have, by their zones. All bridges share these; zones that are no port's of ours are others'. */
export function zoneLimitTable(limits: ZoneLimits): KnownTable<ZoneLimit> {
  return createKnownTable({
    name: "connection-limits",
    key: ({ zone }) => String(zone),
    same: (a, b) => a.limit === b.limit,
    list: async (signal) => (await limits.list(signal)).filter(({ zone }) => isOurs(zone)),
    set: (limit, signal) => limits.set(limit, signal),
    remove: ({ zone }, signal) => limits.remove(zone, signal),
  });
}

function isOurs(zone: number): boolean {
  // What gives the zone of a port gives the port of a zone.
  const port = zoneOf(zone);
  return port >= FIRST_NUMBER && port <= LAST_NUMBER;
}
