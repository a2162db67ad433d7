import { HoldfastError, systemClock } from "@holdfast/core";
import type { SwitchControl } from "@holdfast/ovsdb";
import { describe, expect, test } from "vitest";
import { connectionTracking, readConnection } from "./tracked-connections.ts";

describe("a followed connection", () => {
  // As Open vSwitch 3.1 prints them.
  test.each([
    [
      "tcp,orig=(src=10.20.0.6,dst=10.20.0.5,sport=40000,dport=7080),reply=(src=10.20.0.5,dst=10.20.0.6,sport=7080,dport=40000),zone=33768,protoinfo=(state=ESTABLISHED)",
      {
        zone: 33_768,
        source: "10.20.0.6",
        destination: "10.20.0.5",
        protocol: 6,
        sourcePort: 40_000,
        destinationPort: 7080,
      },
    ],
    [
      "icmpv6,orig=(src=fd00::1,dst=fd00::2,id=7,type=128,code=0),reply=(src=fd00::2,dst=fd00::1,id=7,type=129,code=0),zone=5",
      { zone: 5, source: "fd00::1", destination: "fd00::2", protocol: 58, icmp: { id: 7, type: 128, code: 0 } },
    ],
    [
      "47,orig=(src=10.0.0.1,dst=10.0.0.2,sport=0,dport=0),reply=(src=10.0.0.2,dst=10.0.0.1,sport=0,dport=0),zone=5,mark=1",
      {
        zone: 5,
        source: "10.0.0.1",
        destination: "10.0.0.2",
        protocol: 47,
        mark: 1,
        sourcePort: 0,
        destinationPort: 0,
      },
    ],
    [
      "udp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2),reply=(src=10.0.0.2,dst=10.0.0.1,sport=2,dport=1)",
      undefined,
    ],
    ["", undefined],
  ])("is read from %s", (line, expected) => {
    expect(readConnection(line)).toEqual(expected);
  });

  test("is asked for of the datapath that the bridges have, in one zone or all", async () => {
    const asked: string[] = [];
    const ask = async (method: string, args: readonly string[]): Promise<string> => {
      asked.push([method, ...args].join(" "));
      return "";
    };
    const tracking = connectionTracking({ control: { ask }, clock: systemClock }, "netdev");
    const signal = new AbortController().signal;
    expect([await tracking.list(undefined, signal), await tracking.list(7, signal)]).toEqual([[], []]);
    expect(asked).toEqual(["dpctl/dump-conntrack netdev@ovs-netdev", "dpctl/dump-conntrack netdev@ovs-netdev zone=7"]);
  });
});

describe("what a switch remembers of flows", () => {
  const signal = new AbortController().signal;

  test.each([
    ["system", []],
    ["netdev", ["revalidator/purge"]],
  ] as const)("is renewed by a round that begins behind the change, and of %s then: %s", async (datapath, then) => {
    const steps: string[] = [];
    let over = (): void => undefined;
    const ask = async (...[method, , , onSent]: Parameters<SwitchControl["ask"]>): Promise<string> => {
      steps.push(method);
      onSent?.();
      // Nothing goes through what the switch remembers but for what touches it behind the question.
      if (method === "revalidator/wait") await new Promise<void>((resolve) => (over = resolve));
      return "";
    };
    const touch = async (): Promise<void> => {
      steps.push("touch");
      over();
    };
    await connectionTracking({ control: { ask }, clock: systemClock }, datapath).settled(touch, signal);
    const round = ["revalidator/wait", "version", "touch"];
    expect(steps).toEqual(["touch", ...round, ...round, ...then]);
  });

  test("is thrown away where nobody can wait for that", async () => {
    const steps: string[] = [];
    const ask = async (method: string): Promise<string> => {
      steps.push(method);
      if (method === "revalidator/wait") throw new HoldfastError("switch_rejected", "can't wait on multiple udpifs.");
      return "";
    };
    await connectionTracking({ control: { ask }, clock: systemClock }, "netdev").settled(async () => {}, signal);
    expect(steps).toEqual(["revalidator/wait", "revalidator/purge"]);
  });
});
