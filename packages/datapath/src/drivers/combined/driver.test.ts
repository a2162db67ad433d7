import { silentLogger, systemClock } from "@holdfast/core";
import { FakeKernel } from "@holdfast/netlink/testing";
import { describe, expect, test } from "vitest";
import type { DatapathDriver, PortEvent } from "../../driver.ts";
import type { HostTools } from "../../machine/host-tools.ts";
import { driverCompliance } from "../../testing/driver-compliance.ts";
import { asRemote, on, routed, TENANTS_NETWORKS, wiring } from "../../testing/parties.ts";
import { createKernelDriver } from "../kernel/driver.ts";
import { LateDriver } from "./late-driver.ts";
import { MachineDriver } from "./machine-driver.ts";

const { first, other } = TENANTS_NETWORKS;
const NET = routed(first);

/** A machine in memory with drivers on it, of which the one that is opened late stands for Open vSwitch: what counts is when it is opened. */
function machine() {
  const kernel = new FakeKernel();
  const tables = new Map<string, string>();
  const nft = async (script: string): Promise<string> => {
    for (const [, name = "", text = ""] of script.matchAll(/^table (\S+ \S+) (\{[\s\S]*?^\})/gm))
      tables.set(name, text);
    return script.startsWith("list ") ? "" : script;
  };
  const host: HostTools = { nft, iptables: async () => undefined, setSysctl: async () => undefined };
  const open = (namePrefix?: string) => {
    const options = namePrefix === undefined ? {} : { namePrefix };
    const dependencies = { kernel, host, clock: systemClock, logger: silentLogger };
    return createKernelDriver(dependencies, options, AbortSignal.timeout(5000));
  };
  return { kernel, tables, open };
}

const REFUSED = "there is no switch";
const refusing = () => new LateDriver(() => Promise.reject(new Error(REFUSED)));

driverCompliance("a driver of several kinds", { networks: { first: NET, other: routed(other) } }, async () => {
  const { kernel, tables, open } = machine();
  return {
    kernel,
    open: async () => new MachineDriver({ routed: await open(), switched: refusing() }),
    openings: async () => tables.get("inet holdfast_routed")?.match(/elements = \{ tcp[^}]*\}/g) ?? [],
    [Symbol.asyncDispose]: async () => undefined,
  };
});

describe("a machine's driver", () => {
  const signal = AbortSignal.timeout(20_000);
  const a = wiring("a", "n7", ["10.20.0.5"]);
  const c = wiring("c", "n8", ["10.30.0.5"]);

  test("needs no switch until an endpoint of a network that is not routed comes, and says then that there is none", async () => {
    const { open } = machine();
    const driver = new MachineDriver({ routed: await open(), switched: refusing() });
    driver.setNetwork(NET);
    driver.setNetwork(other);
    await driver.synced(signal);
    await driver.attach(a, signal);
    expect(driver.status()).toEqual([]);
    await expect(driver.attach(c, signal)).rejects.toThrow(REFUSED);
    expect(driver.status()).toMatchObject([{ row: "endpoint c", state: "error", attempts: 1, error: REFUSED }]);
    expect(await driver.inventory(signal)).toMatchObject([{ endpoint: "a" }]);
    await driver.detach("c", signal);
    await driver.detach("a", signal);
    await driver.close();
  });

  test("tells a driver that is opened late all that it has missed, and watches it, too", async () => {
    const { kernel, open } = machine();
    await kernel.createVeth({ name: "eth1", peer: "eth1x", mtu: 1500, up: true });
    await kernel.replaceAddress({ link: "eth1", ...on("192.0.2.1/24") });
    let opened: DatapathDriver | undefined;
    let there = false;
    const late = new LateDriver(async () => {
      if (!there) throw new Error(REFUSED);
      opened = await open("sw");
      return opened;
    });
    // Of kind `routed`, for the driver that stands for the switch is a kernel's.
    late.setNetwork(NET);
    late.setRemote(asRemote(wiring("r", "n7", ["10.20.0.9"]), "192.0.2.9"));
    await late.synced(signal);
    const stop = new AbortController();
    const events: PortEvent[] = [];
    const watching = (async () => {
      for await (const event of late.watch(stop.signal)) events.push(event);
    })();
    await expect(late.attach(a, signal)).rejects.toThrow(REFUSED);
    there = true;
    const port = await late.attach(a, signal);
    await expect.poll(() => late.status()).toEqual([]);
    expect((await kernel.listRoutes()).map(({ prefix }) => prefix)).toEqual(
      expect.arrayContaining(["10.20.0.5/32", "10.20.0.9/32"]),
    );
    await kernel.setLink(port.containerInterface, { up: true });
    await expect.poll(() => events).toContainEqual({ endpoint: "a", state: "up", ifIndex: expect.any(Number) });
    stop.abort();
    await watching;
    await late.close();
  });

  test("gives a driver that an earlier run has left something on the word to take it down", async () => {
    const { kernel, open } = machine();
    const before = new MachineDriver({ routed: await open(), switched: refusing() });
    before.setNetwork(NET);
    await before.attach(a, signal);
    await before.close();
    const driver = new MachineDriver({ routed: await open(), switched: refusing() });
    await driver.detach("a", signal);
    expect((await kernel.listRoutes()).filter(({ prefix }) => prefix === "10.20.0.5/32")).toEqual([]);
    await driver.close();
  });

  test("is quiet when each driver is that has something to remember, and was opened", async () => {
    const { open } = machine();
    let asked = 0;
    const late = new LateDriver(async () => {
      const opened = await open("sw");
      opened.quiet = async () => {
        asked += 1;
      };
      return opened;
    });
    const driver = new MachineDriver({ routed: await open(), switched: late });
    await driver.quiet(signal);
    expect(asked).toBe(0);
    late.setNetwork(NET);
    await late.attach(a, signal);
    await driver.quiet(signal);
    expect(asked).toBe(1);
    await driver.close();
  });
});
