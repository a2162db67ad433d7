import type { AttributionShare } from "@holdfast/model";
import type { TrafficWindow, WindowRow } from "../windows/traffic.ts";

/** What of a window's traffic has a name; what was sampled once more on its way is no traffic of its own. */
export function shareOf(window: TrafficWindow): AttributionShare {
  const counted = window.rows.filter(({ isCounted }) => isCounted);
  return shareOfBytes({
    bytes: sumOf(counted),
    unattributedBytes: sumOf(counted.filter(({ isAttributed }) => !isAttributed)),
    unnamedOutsideBytes: sumOf(counted.filter(hasUnnamedOutside)),
  });
}

export function addShares(a: AttributionShare, b: AttributionShare): AttributionShare {
  return shareOfBytes({
    bytes: a.bytes + b.bytes,
    unattributedBytes: a.unattributedBytes + b.unattributedBytes,
    unnamedOutsideBytes: a.unnamedOutsideBytes + b.unnamedOutsideBytes,
  });
}

function shareOfBytes(bytes: Omit<AttributionShare, "unattributedPercent">): AttributionShare {
  if (bytes.bytes === 0) return bytes;
  return { ...bytes, unattributedPercent: (100 * bytes.unattributedBytes) / bytes.bytes };
}

function hasUnnamedOutside({ source, destination }: WindowRow): boolean {
  return [source, destination].some((end) => end.kind === "outside" && end.prefix === undefined);
}

function sumOf(rows: readonly WindowRow[]): number {
  return rows.reduce((sum, { bytes }) => sum + bytes, 0);
}
