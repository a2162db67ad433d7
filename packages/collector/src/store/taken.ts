import type { TrafficWindow } from "../windows/traffic.ts";
import type { Taken } from "./store.ts";

/** Of a store that has just been opened. */
export function nothingTaken(): Taken {
  return { windows: 0, rows: 0, samples: 0 };
}

/** Counts a whole window. */
export function addWindow(to: Taken, { rows, samples, counts = [], drops = [] }: TrafficWindow): void {
  to.windows += 1;
  to.rows += rows.length + counts.length + drops.length;
  to.samples += samples.length;
}
