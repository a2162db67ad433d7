import type { Family } from "@holdfast/core";
import type { PolicyService } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import type { PortRange } from "./rule-program.ts";
import { compileServices } from "./rule-services.ts";

const ports = (ranges: readonly PortRange[] | undefined) =>
  ranges?.map(({ first, last }) => `${first}-${last}`).join(",");

/** E.g. `"6 from 1-2 to 80-80"`. */
function text(services: readonly PolicyService[], family: Family = "v4"): string[] {
  return compileServices(services, family).map(({ protocol, sourcePorts, destinationPorts, icmp }) =>
    [
      protocol,
      ...(sourcePorts === undefined ? [] : ["from", ports(sourcePorts)]),
      ...(destinationPorts === undefined ? [] : ["to", ports(destinationPorts)]),
      ...(icmp === undefined ? [] : ["type", icmp.type, ...(icmp.code === undefined ? [] : ["code", icmp.code])]),
    ].join(" "),
  );
}

describe("services of a rule", () => {
  test("join ports that overlap or touch", () => {
    expect(text([{ protocol: "tcp", ports: [443, "80-81", 82, "90-100", 95] }])).toEqual(["6 to 80-82,90-100,443-443"]);
  });

  test("of one protocol are one, and any port covers all", () => {
    expect(text([{ protocol: "tcp", ports: [80] }, { protocol: "tcp" }, { protocol: 6 }])).toEqual(["6"]);
    expect(text([{ protocol: "udp", ports: ["0-65535"] }])).toEqual(["17"]);
  });

  test("are cut where source ports make a difference, so that no packet matches two", () => {
    const services: PolicyService[] = [
      { protocol: "tcp", ports: ["1-100"], sourcePorts: [7] },
      { protocol: "tcp", ports: ["50-60"] },
    ];
    expect(text(services)).toEqual(["6 from 7-7 to 1-49,61-100", "6 to 50-60"]);
  });

  test("of ICMP: a type covers its codes, and any covers types", () => {
    const echo: PolicyService[] = [
      { protocol: "icmp", type: 8, code: 0 },
      { protocol: "icmp", type: 3, code: 4 },
      { protocol: "icmp", type: 8 },
      { protocol: "icmp", type: 3, code: 4 },
    ];
    expect(text(echo)).toEqual(["1 type 3 code 4", "1 type 8"]);
    expect(text([...echo, { protocol: 1 }])).toEqual(["1"]);
  });

  test("belong to a family where the protocol does", () => {
    const both: PolicyService[] = [{ protocol: "icmp" }, { protocol: "icmpv6", type: 128 }, { protocol: 47 }];
    expect(text(both, "v4")).toEqual(["1", "47"]);
    expect(text(both, "v6")).toEqual(["47", "58 type 128"]);
    expect(text([{ protocol: "icmpv6" }], "v4")).toEqual([]);
  });
});
