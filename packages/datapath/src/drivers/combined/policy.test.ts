import { HoldfastError, IpAddress } from "@holdfast/core";
import type { PolicyChange, Program } from "@holdfast/policy";
import { PlainPath } from "@holdfast/policy/testing";
import { describe, expect, test } from "vitest";
import type { AttachedPort, DatapathDriver, EndpointWiring } from "../../driver.ts";
import { routed, TENANTS_NETWORKS, wiring } from "../../testing/parties.ts";
import { LateDriver } from "./late-driver.ts";
import { MachineDriver } from "./machine-driver.ts";

const { first, other } = TENANTS_NETWORKS;
const signal = AbortSignal.timeout(5000);
const nothing = { sets: [], setEdits: [], setsGone: [], programs: [], programsGone: [], endpoints: [] };

function program(id: string): Program {
  const rule = { id: "end", verdict: "deny", log: false, remote: "any", services: "any" } as const;
  const sections = [{ stages: [{ disjoint: true, rules: [rule] }] }];
  const path = { realms: { own: "tenant/t/v4", platform: "platform/v4" }, main: sections, foreign: sections };
  return { id, v4: { ingress: path, egress: path }, v6: { ingress: path, egress: path } };
}

/** A driver of which only policies count. */
function plain(enforces: boolean) {
  const path = new PlainPath();
  const policy = {
    applyPolicy: async (change: PolicyChange) => path.apply(change),
    ruleCounters: async () => [{ program: "t/1", rule: "end", packets: 1, bytes: 60 }],
    guardCounters: async () => [{ guard: "mac" as const, packets: 2, bytes: 90 }],
  };
  const attached: EndpointWiring[] = [];
  const driver = {
    ...(enforces ? { policy } : {}),
    setNetwork: () => undefined,
    attach: async (endpoint: EndpointWiring): Promise<AttachedPort> => {
      attached.push(endpoint);
      return { hostInterface: "h", containerInterface: "c", mtu: 1500 };
    },
    synced: async () => undefined,
  } as unknown as DatapathDriver;
  return { driver, path, attached };
}

const told: PolicyChange = {
  ...nothing,
  sets: [{ id: "platform/v4", family: "v4", members: [] }],
  programs: [program("t/1")],
};

describe("policies on a machine with several drivers", () => {
  test("are told to each, and counted by each", async () => {
    const [a, b] = [plain(true), plain(true)];
    const machine = new MachineDriver({ routed: a.driver, switched: b.driver });
    await machine.policy.applyPolicy(told, signal);
    expect([...a.path.programs.keys(), ...b.path.programs.keys()]).toEqual(["t/1", "t/1"]);
    expect(await machine.policy.ruleCounters(signal)).toHaveLength(2);
    expect(await machine.policy.guardCounters(signal)).toEqual([{ guard: "mac", packets: 4, bytes: 180 }]);
  });

  test("name an endpoint that gets one where none is enforced, and still hold elsewhere", async () => {
    const [a, b] = [plain(true), plain(false)];
    const machine = new MachineDriver({ routed: a.driver, switched: b.driver });
    for (const network of [routed(first), other]) machine.setNetwork(network);
    await machine.attach(wiring("a", "n7", ["10.20.0.5"]), signal);
    await machine.attach(wiring("c", "n8", ["10.30.0.5"]), signal);
    await machine.policy.applyPolicy({ ...told, endpoints: [{ endpoint: "a", program: "t/1" }] }, signal);
    const change = machine.policy.applyPolicy({ ...told, endpoints: [{ endpoint: "c", program: "t/1" }] }, signal);
    await expect(change).rejects.toThrow(
      "endpoint c has policy t/1, which the data path of its network does not enforce",
    );
    expect(a.path.programs.size).toBe(1);
  });

  test("are kept for a driver that is opened late, as they are then, before its first endpoint", async () => {
    const late = plain(true);
    const begun = Promise.withResolvers<DatapathDriver>();
    const driver = new LateDriver(() => begun.promise);
    await driver.policy?.applyPolicy(told, signal);
    const member = `${IpAddress.parse("10.0.0.1")}/32` as never;
    await driver.policy?.applyPolicy(
      { ...nothing, setEdits: [{ id: "platform/v4", remove: [], add: [member] }] },
      signal,
    );
    await driver.policy?.applyPolicy({ ...nothing, programs: [program("t/2")], programsGone: ["t/1"] }, signal);
    const attached = driver.attach(wiring("a", "n7", ["10.20.0.5"]), signal);
    const meanwhile = driver.policy?.applyPolicy({ ...nothing, programs: [program("t/3")] }, signal);
    begun.resolve(late.driver);
    await Promise.all([attached, meanwhile]);
    expect([...late.path.programs.keys()].sort()).toEqual(["t/2", "t/3"]);
    expect([...(late.path.sets.get("platform/v4") ?? [])]).toEqual([member]);
  });

  test("that cannot be told keep a driver shut", async () => {
    const late = plain(true);
    late.path.apply = () => {
      throw new HoldfastError("switch_rejected", "no room");
    };
    const driver = new LateDriver(async () => late.driver);
    await driver.policy?.applyPolicy(told, signal);
    await expect(driver.attach(wiring("a", "n7", ["10.20.0.5"]), signal)).rejects.toThrow("no room");
    expect(late.attached).toEqual([]);
  });
});
