import { HoldfastError, parseDuration } from "@holdfast/core";

const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"] as const;
const FORMS =
  "write for example 2026-11-17T14:05:00Z, '2026-11-17 14:05', 'yesterday 14:05', 'tuesday 14:05', 14:05 or '2h ago'";
const UNITS: Readonly<Record<string, string>> = { second: "s", minute: "m", hour: "h", day: "d" };

/**
 * Reads a moment of the past as people write it; days and times of day are those of this machine's time zone.
 *
 * A day of the week is the last one: `"tuesday 14:05"` may be earlier today, `"last tuesday"` is never today. Without a time of day it begins
 * at midnight. A duration counts back from now, e.g. `"2h ago"`, `"90m"`, `"3 days ago"`.
 *
 * @throws HoldfastError `invalid_argument`: it cannot be read, does not exist in this time zone, or is still to come.
 */
export function parseMoment(text: string, now: Date): Date {
  const words = text.trim().toLowerCase().replace(/\s+/g, " ");
  const moment = exactMoment(text.trim()) ?? agoMoment(words, now) ?? dayMoment(words, now);
  if (moment === undefined) throw unreadable(text, FORMS);
  if (moment.getTime() > now.getTime()) throw unreadable(text, `it is still to come: ${momentText(moment)}`);
  return moment;
}

/** `"Tuesday 2026-11-17 14:05:00 +01:00"`, in this machine's time zone. */
export function momentText(moment: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const weekday = WEEKDAYS[moment.getDay()] ?? "";
  const date = `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
  const time = [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(two).join(":");
  const offset = -moment.getTimezoneOffset();
  const hours = Math.floor(Math.abs(offset) / 60);
  const zone = `${offset < 0 ? "-" : "+"}${two(hours)}:${two(Math.abs(offset) % 60)}`;
  return `${weekday.charAt(0).toUpperCase()}${weekday.slice(1)} ${date} ${time} ${zone}`;
}

/** RFC 3339 with its offset. */
function exactMoment(text: string): Date | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  const moment = new Date(text.replace(" ", "T"));
  const [, year, month, day] = match.map(Number);
  // A day that a month does not have would become one of the next month.
  const exists = new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day)).getUTCDate() === day;
  return Number.isNaN(moment.getTime()) || !exists ? undefined : moment;
}

function agoMoment(words: string, now: Date): Date | undefined {
  if (words === "now") return now;
  const text = words
    .replace(/ ?ago$/, "")
    .replace(/(\d+) (second|minute|hour|day)s?/g, (_, count: string, unit: string) => {
      return `${count}${UNITS[unit]}`;
    });
  const duration = text.replaceAll(" ", "");
  return /^(\d+(ms|s|m|h|d))+$/.test(duration) ? new Date(now.getTime() - parseDuration(duration)) : undefined;
}

/** A day, a time of day, or both. */
function dayMoment(words: string, now: Date): Date | undefined {
  const match = /^(.*?)(?:[ t]?(\d{1,2}):(\d\d)(?::(\d\d))?)?$/.exec(words);
  const [, name = "", hours = "0", minutes = "0", seconds = "0"] = match ?? [];
  const time = [Number(hours), Number(minutes), Number(seconds)] as const;
  if (match === null || time[0] > 23 || time[1] > 59 || time[2] > 59) return undefined;
  const back = (days: number) => at([now.getFullYear(), now.getMonth(), now.getDate() - days], time, words);
  if (name === "" || name === "today") return back(0);
  if (name === "yesterday") return back(1);
  const date = /^(\d{4})-(\d\d)-(\d\d)$/.exec(name);
  if (date !== null) {
    const [year, month, day] = [Number(date[1]), Number(date[2]) - 1, Number(date[3])];
    const moment = at([year, month, day], time, words);
    if (moment.getMonth() !== month || moment.getDate() !== day) throw notThere(words);
    return moment;
  }
  const [, last, weekday = ""] = /^(last )?([a-z]+)$/.exec(name) ?? [];
  const index = WEEKDAYS.findIndex((day) => day === weekday || (weekday.length === 3 && day.startsWith(weekday)));
  if (index < 0) return undefined;
  const days = (now.getDay() - index + 7) % 7;
  const isPast = last === undefined && back(0).getTime() <= now.getTime();
  return back(days === 0 && !isPast ? 7 : days);
}

type Numbers = readonly [number, number, number];

/** @throws HoldfastError `invalid_argument` for a time of day that there is not, such as the hour that summer time skips. */
function at([year, month, day]: Numbers, [hours, minutes, seconds]: Numbers, words: string): Date {
  const moment = new Date(year, month, day, hours, minutes, seconds);
  if (moment.getHours() !== hours || moment.getMinutes() !== minutes) throw notThere(words);
  return moment;
}

function notThere(words: string): HoldfastError {
  return unreadable(words, "there is no such day or time in this time zone");
}

function unreadable(text: string, why: string): HoldfastError {
  return new HoldfastError("invalid_argument", `${JSON.stringify(text)} is no moment of the past: ${why}`);
}
