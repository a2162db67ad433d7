import { HoldfastError } from "./errors.ts";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Reads a duration as people write it, e.g. `"250ms"`, `"30s"`, `"5m"`, `"1h30m"`, `"7d"`; gives milliseconds.
 *
 * @throws HoldfastError `invalid_argument`.
 */
export function parseDuration(text: string): number {
  if (!/^(\d+(ms|s|m|h|d))+$/.test(text)) {
    throw new HoldfastError(
      "invalid_argument",
      `not a duration: ${JSON.stringify(text)}; write for example 30s, 5m or 1h30m`,
    );
  }
  return [...text.matchAll(/(\d+)(ms|s|m|h|d)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ""] ?? 0),
    0,
  );
}

/** The two largest units of a span of milliseconds, e.g. `"2h5m"`, `"45s"`, `"0s"`. */
export function formatDuration(milliseconds: number): string {
  let rest = Math.max(0, Math.floor(milliseconds / 1000));
  const parts: string[] = [];
  for (const [unit, seconds] of [
    ["d", 86_400],
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ] as const) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.slice(0, 2).join("") || "0s";
}
