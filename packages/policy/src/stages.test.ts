import { Cidr } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import type { ProgramRule, Verdict } from "./rule-program.ts";
import { groupInStages } from "./stages.ts";

const PORT = { first: 80, last: 80 };

/** E.g. `rule("a", "allow", "10.0.0.0/8")`; a remote without a slash is a set. */
function rule(id: string, verdict: Verdict, remote?: string, port?: number): ProgramRule {
  const isPrefix = remote?.includes(".") ?? false;
  const sets = remote === undefined || isPrefix ? [] : [remote];
  const prefixes = remote !== undefined && isPrefix ? [Cidr.parse(remote)] : [];
  return {
    id,
    verdict,
    log: false,
    remote: remote === undefined ? "any" : { sets, prefixes },
    services: port === undefined ? "any" : [{ protocol: 6, destinationPorts: [{ ...PORT, first: port, last: port }] }],
  };
}

/** E.g. `"a b | c"`; stages whose rules may meet are in brackets. */
function text(rules: readonly ProgramRule[]): string {
  return groupInStages(rules)
    .map(({ disjoint, rules }) => (disjoint ? ids(rules) : `(${ids(rules)})`))
    .join(" | ");
}
const ids = (rules: readonly ProgramRule[]) => rules.map(({ id }) => id).join(" ");

describe("stages", () => {
  test("hold what no packet matches twice, whatever the verdicts", () => {
    const rules = [
      rule("a", "allow", "10.0.0.0/24"),
      rule("b", "deny", "10.0.1.0/24"),
      rule("c", "allow", "10.0.2.0/24"),
    ];
    expect(text(rules)).toBe("a b c");
  });

  test("end where a packet could match an earlier rule with another verdict", () => {
    expect(text([rule("in", "deny", "10.0.0.7/32"), rule("around", "allow", "10.0.0.0/24")])).toBe("in | around");
    expect(text([rule("around", "allow", "10.0.0.0/24"), rule("in", "deny", "10.0.0.7/32")])).toBe("around | in");
    expect(text([rule("set", "deny", "web"), rule("prefix", "allow", "10.0.0.0/24")])).toBe("set | prefix");
    expect(text([rule("prefix", "allow", "10.0.0.0/24"), rule("all", "deny", undefined, 80)])).toBe("prefix | all");
  });

  test("do not end when ports tell the rules apart", () => {
    expect(text([rule("a", "deny", "web", 80), rule("b", "allow", "db", 443), rule("c", "deny", undefined, 22)])).toBe(
      "a b c",
    );
  });

  test("hold rules of one verdict that may meet, and say so", () => {
    expect(text([rule("a", "allow", "web"), rule("b", "allow", "db")])).toBe("(a b)");
  });

  test("keep a large one disjoint: what would meet is the next", () => {
    const many = Array.from({ length: 20 }, (_, index) => rule(`r${index}`, "allow", `10.0.${index}.0/24`));
    expect(text([...many, rule("x", "allow", "10.0.0.0/16")])).toBe(`${ids(many)} | x`);
  });

  test("leave out what no packet reaches, and end with what matches everything, alone", () => {
    const rules = [
      rule("a", "allow", "web"),
      rule("same", "deny", "web"),
      rule("all", "allow"),
      rule("never", "deny", "db"),
    ];
    expect(text(rules)).toBe("a | all");
  });

  test("take 10,000 rules in little time", () => {
    const rules = Array.from({ length: 10_000 }, (_, index) =>
      rule(`r${index}`, index % 2 === 0 ? "allow" : "deny", `10.${index >> 8}.${index & 255}.0/24`, index),
    );
    const begun = performance.now();
    expect(groupInStages(rules)).toHaveLength(1);
    expect(performance.now() - begun).toBeLessThan(1000);
  });
});
