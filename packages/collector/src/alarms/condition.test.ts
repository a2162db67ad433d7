import { describe, expect, test } from "vitest";
import { afterGap, type Phase, step, type Terms } from "./condition.ts";

const above: Terms = { when: "above", raise: { at: 100, for: 0 }, clear: { at: 80, for: 0 } };
const patient: Terms = { when: "above", raise: { at: 100, for: 30 }, clear: { at: 80, for: 20 } };
const below: Terms = { when: "below", raise: { at: 10, for: 0 }, clear: { at: 20, for: 0 } };

/** What becomes of values that come every 10 ms, e.g. `"ok raised firing"`. */
function story(terms: Terms, values: readonly number[]): string {
  let phase: Phase = { kind: "ok", since: 0 };
  const told = values.map((value, index) => {
    const next = step(phase, value, index * 10, terms);
    phase = next.phase;
    return next.event ?? (phase.kind === "firing" && phase.clearing !== undefined ? "clearing" : phase.kind);
  });
  return told.join(" ");
}

describe("an alarm", () => {
  test("is raised at its level and cleared below the other one: between the two nothing begins", () => {
    expect(story(above, [99, 100, 99, 81, 80, 79, 81, 99, 100])).toBe(
      "ok raised firing firing firing cleared ok ok raised",
    );
  });

  test("that watches for too little has it the other way round", () => {
    expect(story(below, [11, 10, 15, 20, 21, 15])).toBe("ok raised firing firing cleared ok");
  });

  test("waits for a value that stays: one that comes back in between begins anew", () => {
    expect(story(patient, [100, 120, 120, 99, 100, 100, 100, 100, 100])).toBe(
      "pending pending pending ok pending pending pending raised firing",
    );
  });

  test("is cleared by a value that stays away: one that comes back in between keeps it", () => {
    expect(story({ ...patient, raise: { at: 100, for: 0 } }, [100, 79, 79, 85, 79, 79, 79, 79])).toBe(
      "raised clearing clearing firing clearing clearing cleared ok",
    );
  });

  test("takes nothing for held while nobody looked, but what is raised stays raised", () => {
    expect(afterGap({ kind: "pending", since: 1 }, 9)).toEqual({ kind: "ok", since: 9 });
    expect(afterGap({ kind: "firing", since: 1, clearing: 5 }, 9)).toEqual({ kind: "firing", since: 1 });
  });
});
