import { expect, test } from "vitest";
import { formatRuleId, parseRuleId, type RuleOrigin } from "./rule-id.ts";

const origins: [string, RuleOrigin][] = [
  [
    "rule/default/web/ingress/https",
    { kind: "rule", tenant: "default", policy: "web", direction: "ingress", rule: "https" },
  ],
  ["isolates/default/web/egress", { kind: "isolates", tenant: "default", policy: "web", direction: "egress" }],
  ["default/acme/ingress", { kind: "default", tenant: "acme", direction: "ingress" }],
  ["default/acme/egress/ingress", { kind: "default", tenant: "acme", network: "egress", direction: "ingress" }],
  ["isolation/acme/egress", { kind: "isolation", tenant: "acme", direction: "egress" }],
];

test.each(origins)("%s says where a verdict comes from, and can be read again", (id, origin) => {
  expect(formatRuleId(origin)).toBe(id);
  expect(parseRuleId(id)).toEqual(origin);
});

test.each(["", "rule", "rule/a/b/c/d", "rule/a/b/ingress/c/d", "isolation/a", "default/a/b/sideways", "x/a/ingress"])(
  "%j is no rule's id",
  (text) => {
    expect(parseRuleId(text)).toBeUndefined();
  },
);
