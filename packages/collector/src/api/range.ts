import { parseDuration } from "@holdfast/core";
import type { Slots } from "../query/plan.ts";
import type { TierSettings } from "../store/store.ts";
import { refused } from "./refused.ts";

/** A stretch of time as somebody asks for it. */
export interface AskedRange {
  readonly last?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Milliseconds since 1970; `to` is not included. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

/** What time it is for the traffic that is asked about. */
export interface Moment {
  readonly now: number;
  /** End of the newest window that is kept. Undefined: there is none. */
  readonly newest: number | undefined;
  readonly tiers: TierSettings;
}

const FALLBACK = "15m";
/** Older windows than this are history: what is asked for ends now, and what is missing is missing. */
const LIVE = 60_000;
const LONGEST = 400 * 24 * 3_600_000;

/**
 * Begins and ends where the rows of that time do. Without an end it ends with the newest window, so that rates are not told too low for what is still
 * on its way.
 *
 * @throws HoldfastError `invalid_argument`
 */
export function timeRange(asked: AskedRange, { now, newest, tiers }: Moment): TimeRange {
  if (asked.last !== undefined && asked.from !== undefined) throw refused("last", "say either last or from");
  const latest = newest !== undefined && newest <= now && newest > now - LIVE ? newest : now;
  const to = asked.to === undefined ? latest : Date.parse(asked.to);
  const from = asked.from === undefined ? to - parseDuration(asked.last ?? FALLBACK) : Date.parse(asked.from);
  if (from >= to)
    throw refused(asked.from === undefined ? "last" : "from", "there is no time between the beginning and the end");
  if (to - from > LONGEST) throw refused(asked.from === undefined ? "last" : "from", "that is longer than 400 days");
  const unit = finestAt(from, now, tiers) * 1000;
  return { from: Math.floor(from / unit) * unit, to: Math.ceil(to / unit) * unit };
}

/** Seconds of the shortest rows that are still kept of a time. */
function finestAt(from: number, now: number, { fine, minute, hour }: TierSettings): number {
  if (from >= now - fine.retention) return fine.seconds;
  return from >= now - minute.retention ? minute.seconds : hour.seconds;
}

const STEPS = ["10s", "30s", "1m", "2m", "5m", "10m", "15m", "30m", "1h", "2h", "6h", "12h", "1d", "7d"].map(
  parseDuration,
);
const USUAL_POINTS = 60;
const MOST_POINTS = 500;

/** Equal steps that begin at whole ones; the last may be cut short by the end. @throws HoldfastError `invalid_argument` for a step that gives too many points, or is shorter than rows are */
export function stepsOf(range: TimeRange, step: string | undefined, { now, tiers }: Moment): Slots {
  const finest = finestAt(range.from, now, tiers) * 1000;
  const length = range.to - range.from;
  const usual = STEPS.find((one) => one >= finest && length / one <= USUAL_POINTS) ?? STEPS.at(-1) ?? finest;
  const milliseconds = step === undefined ? usual : parseDuration(step);
  if (milliseconds < finest || milliseconds % finest !== 0) {
    throw refused("step", `of that time there are rows of ${finest / 1000}s; the step is a multiple of that`);
  }
  const start = Math.floor(range.from / milliseconds) * milliseconds;
  const count = Math.ceil((range.to - start) / milliseconds);
  if (count > MOST_POINTS) throw refused("step", `that are ${count} points; ask for ${MOST_POINTS} at most`);
  return { start, milliseconds, count };
}
