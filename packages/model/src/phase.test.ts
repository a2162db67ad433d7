import { describe, expect, test } from "vitest";
import { checkPhaseChange, type Phase, phaseMayFollow, phaseSchema } from "./phase.ts";

describe("endpoint phases", () => {
  test("the way of a normal life is open, step by step", () => {
    const life: Phase[] = ["reserved", "binding", "wired", "active", "detaching", "detached", "released"];
    const steps = life.slice(1).map((to, index) => phaseMayFollow(life[index] as Phase, to));
    expect(steps).toEqual(steps.map(() => true));
  });

  test("every other step but staying and failing is closed", () => {
    const open = phaseSchema.options.flatMap((from) =>
      phaseSchema.options.filter((to) => to !== from && phaseMayFollow(from, to)).map((to) => `${from} > ${to}`),
    );
    expect(open).toEqual([
      "reserved > binding",
      "reserved > released",
      "reserved > failed",
      "binding > wired",
      "binding > detaching",
      "binding > failed",
      "wired > active",
      "wired > detaching",
      "wired > failed",
      "active > detaching",
      "active > failed",
      "detaching > detached",
      "detaching > failed",
      "detached > released",
      "failed > detaching",
      "failed > released",
    ]);
  });

  test("an illegal step names the endpoint, both phases and what is allowed", () => {
    expect(() => checkPhaseChange("h1-1", "released", "active")).toThrow(
      "endpoint h1-1 is released; it cannot become active, only nothing",
    );
  });
});
