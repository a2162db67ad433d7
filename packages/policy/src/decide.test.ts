import { Cidr, IpAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { type Contains, decide, type Packet } from "./decide.ts";
import type { Path, Program, ProgramRule, Section, Stage } from "./rule-program.ts";

const sets: Record<string, string[]> = {
  "tenant/acme/v4": ["10.20.0.0/16"],
  "platform/v4": ["10.20.0.0/16", "10.30.0.0/16"],
  "group/acme/web/v4": ["10.20.0.7/32"],
};
const contains: Contains = (set, address) =>
  (sets[set] ?? []).some((prefix) => Cidr.contains(Cidr.parse(prefix), address));

const everything: ProgramRule = { id: "end", verdict: "deny", log: false, remote: "any", services: "any" };
const rule = (id: string, rest: Partial<ProgramRule>): ProgramRule => ({
  ...everything,
  verdict: "allow",
  ...rest,
  id,
});
const stage = (...rules: ProgramRule[]): Stage => ({ disjoint: false, rules });
const section = (...stages: Stage[]): Section => ({ stages });
const realms = { own: "tenant/acme/v4", platform: "platform/v4" };
const closed: Path = { realms, main: [section(stage(everything))], foreign: [section(stage(everything))] };

function program(ingress: Partial<Path>): Program {
  const path = { ...closed, ...ingress };
  return { id: "p-1", v4: { ingress: path, egress: closed }, v6: { ingress: closed, egress: closed } };
}

const packet = (remote: string, rest: Partial<Packet> = {}): Packet => ({
  direction: "ingress",
  protocol: 6,
  sourcePort: 40_000,
  destinationPort: 443,
  remote: IpAddress.parse(remote),
  ...rest,
});

describe("decide", () => {
  const https = { protocol: 6, destinationPorts: [{ first: 443, last: 443 }] } as const;
  const web = program({
    main: [
      section(stage(rule("no-dns", { verdict: "deny", services: [{ protocol: 17 }] }))),
      section(
        stage(
          rule("members", { remote: { sets: ["group/acme/web/v4"], prefixes: [] }, services: [https] }),
          rule("outside", { remote: { sets: [], prefixes: [Cidr.parse("192.0.2.0/24")] } }),
        ),
        stage(everything),
      ),
    ],
  });

  test.each([
    ["a member of a set at a port", packet("10.20.0.7"), "members"],
    ["another port", packet("10.20.0.7", { destinationPort: 80 }), "end"],
    ["another address", packet("10.20.0.8"), "end"],
    ["a prefix, any service", packet("192.0.2.9", { protocol: 47 }), "outside"],
    ["an earlier section", packet("192.0.2.9", { protocol: 17 }), "no-dns"],
    ["the other direction", packet("10.20.0.7", { direction: "egress" }), "end"],
  ])("%s", (_, asked, expected) => {
    expect(decide(web, asked, contains).rule.id).toBe(expected);
  });

  test("a rule that passes leaves the decision to the next section, whatever follows in its own", () => {
    const passing = program({
      main: [
        section(stage(rule("pass", { verdict: "pass" })), stage(rule("never", {}))),
        section(stage(rule("next", { services: [https] })), stage(everything)),
      ],
    });
    expect(decide(passing, packet("10.20.0.7"), contains).rule.id).toBe("next");
  });

  test("another tenant's address has rules of its own, unless it is one of the own tenant's as well", () => {
    const open = program({ main: [section(stage(rule("open", {})))] });
    expect(decide(open, packet("10.30.0.7"), contains)).toMatchObject({ verdict: "deny", rule: { id: "end" } });
    expect(decide(open, packet("10.20.0.7"), contains).verdict).toBe("allow");
    expect(decide(open, packet("192.0.2.7"), contains).verdict).toBe("allow");
  });

  test("source ports and ICMP types count", () => {
    const echo = rule("echo", { services: [{ protocol: 1, icmp: { type: 8, code: 0 } }] });
    const ntp = rule("ntp", { services: [{ protocol: 17, sourcePorts: [{ first: 123, last: 123 }] }] });
    const some = program({ main: [section(stage(echo, ntp), stage(everything))] });
    const decided = (rest: Partial<Packet>) => decide(some, packet("10.20.0.7", rest), contains).rule.id;
    expect(decided({ protocol: 1, icmp: { type: 8, code: 0 } })).toBe("echo");
    expect(decided({ protocol: 1, icmp: { type: 8, code: 1 } })).toBe("end");
    expect(decided({ protocol: 17, sourcePort: 123 })).toBe("ntp");
    expect(decided({ protocol: 17, sourcePort: 124 })).toBe("end");
  });
});
