/** When an alarm is raised and when it is cleared, in its unit and milliseconds. */
export interface Terms {
  readonly when: "above" | "below";
  readonly raise: { readonly at: number; readonly for: number };
  readonly clear: { readonly at: number; readonly for: number };
}

/** How one of those is that an alarm tells apart; times are milliseconds since 1970. */
export type Phase =
  | { readonly kind: "ok"; readonly since: number }
  /** The value has been where it raises the alarm, since then. */
  | { readonly kind: "pending"; readonly since: number }
  /** `clearing`: the value has been where it clears the alarm, since then. */
  | { readonly kind: "firing"; readonly since: number; readonly clearing?: number | undefined };

export interface Step {
  readonly phase: Phase;
  readonly event?: "raised" | "cleared";
}

/** What a value at a moment makes of a phase. Between the two levels nothing begins: that is what keeps an alarm from flapping. */
export function step(phase: Phase, value: number, at: number, terms: Terms): Step {
  switch (phase.kind) {
    case "ok":
      return isRaising(value, terms) ? held({ kind: "pending", since: at }, at, terms) : { phase };
    case "pending":
      return isRaising(value, terms) ? held(phase, at, terms) : { phase: { kind: "ok", since: at } };
    case "firing": {
      if (!isClearing(value, terms)) return { phase: { kind: "firing", since: phase.since } };
      const clearing = phase.clearing ?? at;
      if (at - clearing < terms.clear.for) return { phase: { ...phase, clearing } };
      return { phase: { kind: "ok", since: at }, event: "cleared" };
    }
  }
}

/** What has to be held without a break begins anew where nobody looked for too long; what is raised stays raised. */
export function afterGap(phase: Phase, at: number): Phase {
  if (phase.kind === "pending") return { kind: "ok", since: at };
  return phase.kind === "firing" ? { kind: "firing", since: phase.since } : phase;
}

export function isRaising(value: number, { when, raise }: Terms): boolean {
  return when === "above" ? value >= raise.at : value <= raise.at;
}

export function isClearing(value: number, { when, clear }: Terms): boolean {
  return when === "above" ? value < clear.at : value > clear.at;
}

function held(phase: Phase & { kind: "pending" }, at: number, { raise }: Terms): Step {
  if (at - phase.since < raise.for) return { phase };
  return { phase: { kind: "firing", since: at }, event: "raised" };
}

export function isSamePhase(a: Phase, b: Phase): boolean {
  return a.kind === b.kind && a.since === b.since && clearingOf(a) === clearingOf(b);
}

function clearingOf(phase: Phase): number | undefined {
  return phase.kind === "firing" ? phase.clearing : undefined;
}
