import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatapathDriver, EndpointWiring } from "../../src/driver.ts";
import { on, routed, TENANTS_NETWORKS, wiring } from "../../src/testing/parties.ts";
import type { Sandbox } from "../fabric.ts";
import { SandboxParty } from "../policy-party.ts";
import { Machine } from "./machine.ts";

describe("what the machine's guards drop is counted by name", () => {
  const undo = new AsyncDisposableStack();
  const signal = AbortSignal.timeout(30_000);
  let driver: DatapathDriver;
  let link: string;
  let sandbox: Sandbox;

  beforeAll(async () => {
    const machine = undo.use(await Machine.start());
    driver = await machine.open();
    undo.defer(() => driver.close());
    driver.setNetwork(routed(TENANTS_NETWORKS.first));
    await driver.synced(signal);
    const place = async (endpoint: EndpointWiring): Promise<[string, Sandbox]> => {
      const port = await driver.attach(endpoint, signal);
      return [port.containerInterface, await machine.plug(port, endpoint.addresses)];
    };
    [link, sandbox] = await place(wiring("a", "n7", ["10.20.0.5", "fd00:20::5"]));
    await place(wiring("b", "n7", ["10.20.0.6", "fd00:20::6"]));
  });
  afterAll(() => undo.disposeAsync());

  const counted = async (): Promise<Record<string, number>> => {
    const counters = (await driver.policy?.guardCounters(signal)) ?? [];
    return Object.fromEntries(counters.map(({ guard, packets }) => [guard, packets]));
  };
  const ping = (...args: string[]): Promise<unknown> =>
    sandbox.exec("ping", "-n", "-q", "-c", "2", "-i", "0.01", "-W", "0.2", ...args).catch(() => undefined);

  test("an address that is another's", async () => {
    expect(await counted()).toEqual({ ip: 0, ra: 0, dhcp: 0 });
    expect(await sandbox.ping("10.20.0.6")).toBe(2);
    await sandbox.kernel.replaceAddress({ link, ...on("10.20.0.99/32") });
    await ping("-I", "10.20.0.99", "10.20.0.6");
    await sandbox.kernel.deleteAddress({ link, ...on("10.20.0.99/32") });
    expect(await counted()).toEqual({ ip: 2, ra: 0, dhcp: 0 });
  });

  test("what only DHCP servers say", async () => {
    await expect.poll(() => sandbox.ping("fd00:20::6", 1), { timeout: 10_000 }).toBe(1);
    await using party = await SandboxParty.start(sandbox.path, 100);
    await party.reaches({ protocol: "udp", to: "10.20.0.6", port: 68, sourcePort: 67 });
    await party.reaches({ protocol: "udp", to: "fd00:20::6", port: 546, sourcePort: 547 });
    await party.reaches({ protocol: "udp", to: "10.20.0.6", port: 67, sourcePort: 68 });
    expect(await counted()).toMatchObject({ ra: 0, dhcp: 2 });
  });

  test("what only routers say", async () => {
    await sandbox.exec("nft", "add table ip6 t; add chain ip6 t o { type filter hook output priority 0; }");
    for (const type of [134, 137]) {
      await sandbox.exec("nft", `add rule ip6 t o icmpv6 type echo-request icmpv6 type set ${type}`);
      await ping("fd00:20::6");
      await sandbox.exec("nft", "flush chain ip6 t o");
    }
    expect(await counted()).toMatchObject({ ra: 4 });
    await ping("fd00:20::6");
    expect(await counted()).toMatchObject({ ra: 4 });
  });
});
