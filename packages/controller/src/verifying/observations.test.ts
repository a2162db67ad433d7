import { describe, expect, test } from "vitest";
import { Observations } from "./observations.ts";

const at = (monotonic: number) => ({ at: new Date(monotonic), monotonic });
const scope = { stage: "endpoints" };

describe("what was observed", () => {
  test("is proven by two rounds, however long one of them takes", () => {
    const observations = new Observations(1000);
    observations.beginRound();
    expect(observations.see("e1", "bound", scope, at(0)).proven).toBe(false);
    expect(observations.see("e1", "bound", scope, at(5000)).proven).toBe(false);
    observations.beginRound();
    expect(observations.see("e1", "bound", scope, at(5000)).proven).toBe(true);
  });

  test("is proven only with the time between that a proof takes, and in the same state", () => {
    const observations = new Observations(1000);
    observations.beginRound();
    observations.see("e1", "bound", scope, at(0));
    observations.beginRound();
    expect(observations.see("e1", "bound", scope, at(999)).proven).toBe(false);
    observations.beginRound();
    expect(observations.see("e1", "unbound", scope, at(2000)).proven).toBe(false);
  });
});
