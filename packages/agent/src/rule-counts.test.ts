import type { Client } from "@holdfast/client";
import { HoldfastError, Name, silentLogger } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import type { CountsReport } from "@holdfast/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createRuleCounts } from "./rule-counts.ts";
import { FakeDriver, FakePolicyPath } from "./testing/fake-driver.ts";

const RULE = "rule/default/p/ingress/web";

describe("what a node counts", () => {
  let clock: ManualClock;
  let path: FakePolicyPath;
  let told: CountsReport[];
  /** Of the next calls, in order; what is told arrives all the same. */
  let failures: (Error | undefined)[];
  /** Whether the controller knows everything; of the next calls, in order. */
  let answers: boolean[];
  let stop: AbortController;
  let done: Promise<void>;

  let began: string;

  beforeEach(() => {
    clock = new ManualClock();
    began = clock.now().toISOString();
    path = new FakePolicyPath();
    told = [];
    failures = [];
    answers = [];
    stop = new AbortController();
    const driver = new FakeDriver();
    driver.policy = path;
    const client = {
      call: async (_: unknown, { body }: { body: CountsReport }) => {
        told.push(body);
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        return { whole: answers.shift() ?? true };
      },
    } as unknown as Client;
    const isOnlyStaged = (program: string) => program === "default/staged";
    const dependencies = { driver, client, clock, logger: silentLogger, nonce: () => "life", isOnlyStaged };
    done = createRuleCounts(dependencies, { node: Name.parse("h1"), interval: 1000 }).run(stop.signal);
  });
  afterEach(async () => {
    stop.abort();
    await done;
  });

  const settle = () => new Promise<void>((resolve) => void setImmediate(resolve));
  const count = async (...counts: readonly (readonly [program: string, packets: number])[]): Promise<void> => {
    const rules = counts.map(([program, packets]) => ({ program, rule: RULE, packets, bytes: packets * 60 }));
    path.counters = { ...path.counters, rules };
    await settle();
    clock.advance(1000);
    await settle();
  };

  test("is told as what is more than before, by rule, apart for what is only staged", async () => {
    await count(["default/a", 10], ["default/staged", 5]);
    await count(["default/a", 12], ["default/b", 3], ["default/staged", 5]);
    await count(["default/a", 12], ["default/b", 3], ["default/staged", 9]);
    const rule = { rule: RULE };
    const LIFE = { run: "life", since: began };
    expect(told).toEqual([
      {
        ...LIFE,
        sequence: 1,
        rules: [
          { ...rule, mode: "enforced", packets: 10, bytes: 600 },
          { ...rule, mode: "staged", packets: 5, bytes: 300 },
        ],
        guards: [],
      },
      { ...LIFE, sequence: 2, rules: [{ ...rule, mode: "enforced", packets: 5, bytes: 300 }], guards: [] },
      { ...LIFE, sequence: 3, rules: [{ ...rule, mode: "staged", packets: 4, bytes: 240 }], guards: [] },
    ]);
  });

  test("is not told when nothing has changed, and begins anew with a count that is less", async () => {
    await count(["default/a", 10]);
    await count(["default/a", 10]);
    expect(told).toHaveLength(1);
    await count(["default/a", 4]);
    expect(told.at(-1)?.rules).toMatchObject([{ packets: 4 }]);
  });

  test("is told again under the same number when nobody knows whether it arrived", async () => {
    failures = [new HoldfastError("unavailable", "no answer")];
    await count(["default/a", 10]);
    await count(["default/a", 13]);
    expect(told.map(({ sequence, rules }) => [sequence, rules[0]?.packets])).toEqual([
      [1, 10],
      [1, 10],
      [2, 3],
    ]);
  });

  test("has guards in it", async () => {
    path.counters = { rules: [], guards: [{ guard: "arp", packets: 2, bytes: 84 }] };
    await count();
    expect(told.at(-1)?.guards).toEqual([{ guard: "arp", packets: 2, bytes: 84 }]);
  });

  test("is told from the beginning to a controller that has begun later, once, whatever gets lost", async () => {
    path.counters = { rules: [], guards: [{ guard: "arp", packets: 2, bytes: 84 }] };
    await count(["default/a", 10]);
    answers = [false];
    await count(["default/a", 13], ["default/b", 4]);
    expect(
      told.slice(1).map(({ sequence, rest, rules, guards }) => [sequence, rest, rules[0]?.packets, guards]),
    ).toEqual([
      [2, undefined, 7, []],
      [3, true, 10, [{ guard: "arp", packets: 2, bytes: 84 }]],
    ]);
    failures = [new HoldfastError("not_found", "no such node")];
    answers = [false];
    await count(["default/a", 14], ["default/b", 4]);
    await count(["default/a", 15], ["default/b", 4]);
    expect(told.slice(3).map(({ sequence, rules }) => [sequence, rules[0]?.packets])).toEqual([
      [4, 1],
      [5, 1],
      [6, 18],
    ]);
  });

  test("is told as the rest also when nothing else was counted, and not of rules that are gone", async () => {
    await count(["default/a", 10]);
    await count();
    answers = [false];
    await count(["default/a", 3]);
    expect(told.slice(1).map(({ rest, rules }) => [rest, rules.map(({ packets }) => packets)])).toEqual([
      [undefined, [3]],
      [true, []],
    ]);
  });

  test("tells the rest again when the controller does not know the node for a moment", async () => {
    await count(["default/a", 10]);
    answers = [false];
    failures = [undefined, new HoldfastError("not_found", "no such node")];
    await count(["default/a", 13]);
    await count(["default/a", 13]);
    expect(told.slice(1).map(({ sequence, rest, rules }) => [sequence, rest, rules[0]?.packets])).toEqual([
      [2, undefined, 3],
      [3, true, 10],
      [3, true, 10],
    ]);
  });
});
