import { formatDuration } from "@holdfast/core";

/** A wait as people read it, rounded up to seconds when it is longer than one: `"450ms"`, `"1m5s"`. */
export function waitText(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.ceil(milliseconds)}ms` : formatDuration(Math.ceil(milliseconds / 1000) * 1000);
}
