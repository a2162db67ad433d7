import { parseTrafficFilter, trafficField } from "@holdfast/flow";
import { describe, expect, test } from "vitest";
import { planQuestion } from "../query/planner.ts";
import { casesOf } from "./group-cases.ts";
import { predicateQuery } from "./predicate-query.ts";

function queryOf(filter: string, tenant?: string): unknown {
  return predicateQuery(planQuestion({ by: [], filter: parseTrafficFilter(filter), tenant }).asked);
}

describe("a filter for the cluster", () => {
  test.each([
    ["", { match_all: {} }],
    ["service=80,443", { terms: { service: [80, 443] } }],
    ["service=8000-8999", { range: { service: { gte: 8000, lte: 8999 } } }],
    ["source.identity=redis-*", { wildcard: { "source.identity": { value: "redis-*" } } }],
    ["source.identity=a?b\\*", { wildcard: { "source.identity": { value: "a\\?b\\\\*" } } }],
    ["vlan=-", { bool: { must_not: [{ exists: { field: "vlan" } }] } }],
    ["source.address=10.20.0.0/16", { range: { "source.addressBits": { gte: "v4 0a140000", lte: "v4 0a14ffff" } } }],
    ["exporter=192.0.2.1", { terms: { exporterBits: ["v4 c0000201"] } }],
    [
      "not (vlan=100 or verdict=denied)",
      {
        bool: {
          must_not: [
            {
              bool: {
                should: [{ terms: { vlan: [100] } }, { terms: { verdict: ["denied"] } }],
                minimum_should_match: 1,
              },
            },
          ],
        },
      },
    ],
  ])("%s", (filter, query) => {
    expect(queryOf(filter)).toEqual(query);
  });

  test("of what is the same for all rows needs none of them", () => {
    const endpoint = (end: string) => ({
      bool: { must_not: [{ bool: { must_not: [{ exists: { field: `${end}.endpoint` } }] } }] },
    });
    expect(queryOf("direction=egress")).toEqual(endpoint("source"));
  });

  test("of a field that is not for a tenant means nothing", () => {
    expect(queryOf("vlan=100", "shop")).toEqual({ match_none: {} });
  });
});

describe("groups of a tenant", () => {
  const partsOf = (...by: readonly string[]) =>
    planQuestion({
      by: by.map((name) => trafficField(name) as NonNullable<ReturnType<typeof trafficField>>),
      filter: parseTrafficFilter(""),
      tenant: "shop",
    }).parts;

  test("are cases: with the other end's name where it is his, and without where it is not", () => {
    const cases = partsOf("identity", "peer.identity").flatMap(casesOf);
    expect(cases.map(({ keys }) => keys)).toEqual([
      [
        { kind: "field", column: "source.identity" },
        { kind: "field", column: "destination.identity" },
      ],
      [
        { kind: "field", column: "source.identity" },
        { kind: "constant", value: null },
      ],
      [
        { kind: "field", column: "destination.identity" },
        { kind: "field", column: "source.identity" },
      ],
      [
        { kind: "field", column: "destination.identity" },
        { kind: "constant", value: null },
      ],
    ]);
  });

  test("what is for operators alone has no case in which it is told", () => {
    expect(
      partsOf("exporter")
        .flatMap(casesOf)
        .map(({ keys }) => keys),
    ).toEqual([[{ kind: "constant", value: null }]]);
  });
});
