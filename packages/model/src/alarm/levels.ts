import { errorText, parseDuration } from "@holdfast/core";
import type { FlowAlarmSubject } from "./subject.ts";

const DAY = 86_400_000;
const UNITS = {
  rate: "bit/s",
  share: "%",
  unattributed: "%",
  drops: "packet/s",
  denied: "packet/s",
  silent: "s",
} as const;
export type FlowAlarmUnit = (typeof UNITS)[keyof typeof UNITS] | "packet/s";

/** What an alarm's values are in. */
export function flowAlarmUnit(on: FlowAlarmSubject): FlowAlarmUnit {
  return on.kind === "rate" && on.measure === "packets" ? "packet/s" : UNITS[on.kind];
}

const STEPS: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

/** A level in its unit, e.g. `("bit/s", "100Mbit")` gives 100,000,000. @throws HoldfastError `invalid_argument`; undefined: it is none of that unit */
export function flowAlarmLevel(unit: FlowAlarmUnit, level: number | string): number | undefined {
  if (typeof level === "number") return level;
  if (unit === "s") return parseDuration(level) / 1000;
  const [, digits = "", step = "", suffix = ""] =
    /^(\d{1,15}(?:\.\d{1,9})?) ?([kmgt]?)(bit(?:\/s)?|%|\/s|)$/i.exec(level.trim()) ?? [];
  const suffixes = { "bit/s": ["bit", "bit/s", ""], "packet/s": ["/s", ""], "%": ["%", ""] }[unit];
  if (digits === "" || !suffixes.includes(suffix.toLowerCase()) || (unit === "%" && step !== "")) return undefined;
  return Number(digits) * (STEPS[step.toLowerCase()] ?? 1);
}

const EXAMPLES = { "bit/s": "100Mbit", "packet/s": "20k", "%": "5%", s: "2m" } as const;

/** What of an alarm its levels have to do with. */
export interface LevelTerms {
  readonly on: FlowAlarmSubject;
  readonly when: "above" | "below";
  readonly raise: { readonly at: number | string };
  readonly clear: { readonly at?: number | string | undefined };
}

/** The levels of an alarm in its unit. */
export function flowAlarmLevels({ on, raise, clear }: Omit<LevelTerms, "when">): {
  readonly raise: number;
  readonly clear: number;
} {
  const unit = flowAlarmUnit(on);
  const at = flowAlarmLevel(unit, raise.at) ?? Number.NaN;
  return { raise: at, clear: clear.at === undefined ? at : (flowAlarmLevel(unit, clear.at) ?? Number.NaN) };
}

interface WrongLevel {
  readonly path: ["raise" | "clear", "at"] | ["when"];
  readonly message: string;
}

/** Undefined: they are right. */
export function whyWrongLevels(alarm: LevelTerms): WrongLevel | undefined {
  const { on, when } = alarm;
  const unit = flowAlarmUnit(on);
  for (const side of ["raise", "clear"] as const) {
    const why = whyNoLevel(unit, alarm[side].at);
    if (why !== undefined) return { path: [side, "at"], message: why };
  }
  if (on.kind === "silent" && when === "below") return { path: ["when"], message: "silence is watched above a time" };
  if ((on.kind === "drops" || on.kind === "denied") && when === "below")
    return { path: ["when"], message: "drops are watched above a rate" };
  const { raise, clear } = flowAlarmLevels(alarm);
  if (when === "above" ? clear > raise : clear < raise) {
    const side = when === "above" ? "more" : "less";
    return {
      path: ["clear", "at"],
      message: `it must not be ${side} than raise.at: such an alarm clears while it is raised`,
    };
  }
  return undefined;
}

function whyNoLevel(unit: FlowAlarmUnit, level: number | string | undefined): string | undefined {
  if (level === undefined) return undefined;
  const wrong = `${JSON.stringify(level)} is no value in ${unit}; write e.g. ${EXAMPLES[unit]}`;
  try {
    const value = flowAlarmLevel(unit, level);
    if (value === undefined || (unit === "%" && value > 100)) return wrong;
    return unit === "s" && (value < 10 || value * 1000 > DAY) ? "from 10s to 1d" : undefined;
  } catch (error) {
    return errorText(error);
  }
}
