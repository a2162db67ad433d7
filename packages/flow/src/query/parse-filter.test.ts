import { isHoldfastError } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { fieldName } from "./field.ts";
import type { FilterValue, TrafficFilter } from "./filter.ts";
import { parseTrafficFilter } from "./parse-filter.ts";

/** A filter with all its parentheses. */
function shown(filter: TrafficFilter): string {
  switch (filter.kind) {
    case "all":
      return `(${filter.of.map(shown).join(" and ")})`;
    case "any":
      return `(${filter.of.map(shown).join(" or ")})`;
    case "not":
      return `not ${shown(filter.of)}`;
    case "is":
      return `${fieldName(filter.field)}=${filter.values.map(shownValue).join(",")}`;
  }
}

function shownValue(value: FilterValue): string {
  switch (value.kind) {
    case "equal":
      return JSON.stringify(value.value);
    case "pattern":
      return `like ${value.pattern}`;
    case "prefix":
      return `in ${value.prefix}`;
    case "range":
      return `${value.first} to ${value.last}`;
    case "absent":
      return "none";
  }
}

describe("parseTrafficFilter", () => {
  test.each([
    ["", "()"],
    ["identity=redis-0", 'identity="redis-0"'],
    ["identity = redis-0   service=6379", '(identity="redis-0" and service=6379)'],
    ["identity=a or identity=b and service=1", '(identity="a" or (identity="b" and service=1))'],
    ["(identity=a or identity=b) service=1", '((identity="a" or identity="b") and service=1)'],
    ["not identity=a service=1", '(not identity="a" and service=1)'],
    ["NOT (identity=a AND service=1)", 'not (identity="a" and service=1)'],
    ["protocol!=udp", "not protocol=17"],
    ["protocol=tcp,udp,89", "protocol=6,17,89"],
    ["service=80,443,8000-8999", "service=80,443,8000 to 8999"],
    ["peer.address=192.0.2.0/24,FD00::0007", 'peer.address=in 192.0.2.0/24,"fd00::7"'],
    ["source.identity=redis-*", "source.identity=like redis-*"],
    ['identity="redis-*","a, b","-"', 'identity="redis-*","a, b","-"'],
    ["peer.tenant=-", "peer.tenant=none"],
    ["identity=prod/mysql-1", 'identity="prod/mysql-1"'],
    [
      "direction=egress attributed=false verdict=denied",
      '(direction="egress" and attributed=false and verdict="denied")',
    ],
  ])("%s", (text, expected) => {
    expect(shown(parseTrafficFilter(text))).toBe(expected);
  });

  test.each([
    ["identiy=redis-0", 1, 'there is no field "identiy"; did you mean identity?'],
    ["service=80 peer.adress=10.0.0.1", 12, 'there is no field "peer.adress"; did you mean peer.address?'],
    ["prefix=office", 1, 'there is no field "prefix"; did you mean peer.prefix?'],
    ["identity", 9, "= or != is missing behind identity, but the filter ends here"],
    ["identity redis-0", 10, '= or != is missing behind identity, but there is "redis-0"'],
    ["identity=", 10, "a value is missing for identity, but the filter ends here"],
    ["identity=a,", 12, "a value is missing for identity, but the filter ends here"],
    ["identity=a or", 14, "a field is missing, like identity=redis-0, but the filter ends here"],
    ["(identity=a", 1, "this parenthesis is never closed"],
    ["identity=a)", 11, "nothing opened what ) closes"],
    ['identity="a', 10, "this quote is never closed"],
    ["identity=a!", 11, '"!" means nothing here'],
    ["service=http", 9, 'service is a number or a range like 8000-8999, not "http"'],
    ["service=90-80", 9, 'service is a number or a range like 8000-8999, not "90-80"'],
    [
      "protocol=quic",
      10,
      'protocol is icmp, igmp, tcp, udp, gre, esp, ah, icmpv6, vrrp, sctp, a number or a range like 8000-8999, not "quic"',
    ],
    ["address=10.0.0", 9, 'address is an address like 10.20.0.7 or a prefix like 10.20.0.0/16, not "10.0.0"'],
    ["address=10.0.0.1/8", 9, "host bits are set in 10.0.0.1/8; the prefix is 10.0.0.0/8"],
    ["direction=in", 11, 'direction is egress or ingress, not "in"'],
    [`${"not ".repeat(70)}identity=a`, 261, 'more than 64 levels of parentheses and "not"'],
    ["x".repeat(4001), 1, "it has more than 4000 characters"],
  ])("refuses %s and points at the place", (text, at, why) => {
    const thrown = refusalOf(text);
    expect(thrown.message).toBe(`filter, character ${at}: ${why}`);
    expect(thrown.details).toEqual({ field: "filter", at });
  });
});

function refusalOf(text: string) {
  try {
    parseTrafficFilter(text);
  } catch (error) {
    if (isHoldfastError(error, "invalid_argument")) return error;
    throw error;
  }
  throw new TypeError("it was taken");
}
