import { silentLogger, systemClock } from "@holdfast/core";
import type { Netfilter } from "@holdfast/netlink";
import { FakeKernel } from "@holdfast/netlink/testing";
import type { ConnectionTuple, OpenFlowSwitch } from "@holdfast/openflow";
import { FakeSwitch } from "@holdfast/openflow/testing";
import { connectOvsdb, createOpenVSwitch, OPEN_VSWITCH_MONITORS, type OvsdbClient } from "@holdfast/ovsdb";
import { type FakeOvsdbServer, startFakeOvsdbServer } from "@holdfast/ovsdb/testing";
import { describe, expect, test } from "vitest";
import type { DatapathDriver } from "../../driver.ts";
import type { HostTools } from "../../machine/host-tools.ts";
import { driverCompliance } from "../../testing/driver-compliance.ts";
import { network, ownAddresses, TENANTS_NETWORKS, wiring } from "../../testing/parties.ts";
import { createOvsDriver } from "./driver.ts";
import { readSettings } from "./options.ts";

/** A machine in memory, which outlives its drivers. */
class FakeMachine implements AsyncDisposable {
  readonly kernel = new FakeKernel();
  readonly switches = new Map<string, FakeSwitch>();
  readonly scripts: string[] = [];
  /** Absent: there is none. */
  netfilter?: Netfilter;
  /** How often it was waited for that the switch goes by its flows alone. */
  rounds = 0;
  readonly tracking = {
    list: async (): Promise<readonly ConnectionTuple[]> => [],
    settled: async () => {
      this.rounds += 1;
    },
  };
  readonly database: FakeOvsdbServer;
  readonly #undo = new AsyncDisposableStack();
  readonly #ended = new AbortController();
  readonly #onConnected = new Map<string, () => void>();

  private constructor(database: FakeOvsdbServer) {
    this.database = database;
    this.#undo.use(database);
  }

  static async start(): Promise<FakeMachine> {
    const database = await startFakeOvsdbServer();
    const machine = new FakeMachine(database);
    await machine.kernel.createVeth({ name: "eth1", peer: "eth1x", mtu: 1500 });
    return machine;
  }

  async open(outside: { readonly uplink?: string } = { uplink: "eth1" }): Promise<DatapathDriver> {
    const base = { logger: silentLogger, clock: systemClock };
    const signal = AbortSignal.timeout(5000);
    const options = { path: this.database.path, database: "Open_vSwitch", monitors: OPEN_VSWITCH_MONITORS, signal };
    const ovsdb = await connectOvsdb(base, options);
    this.#undo.defer(() => ovsdb.close());
    const following = this.#followInternalPorts(ovsdb);
    this.#undo.defer(() => following);
    const settings = readSettings(
      { node: "node-1", ...outside, datapathType: "netdev", runDirectory: "/none", spares: 4 },
      "netdev",
    );
    const host: HostTools = {
      nft: async (script) => {
        this.scripts.push(script);
        return "";
      },
      iptables: async () => undefined,
      setSysctl: async () => undefined,
    };
    const connectSwitch = (bridge: string, onConnected: () => void): OpenFlowSwitch => {
      this.#onConnected.set(bridge, onConnected);
      queueMicrotask(onConnected);
      return new Proxy(this.switch(bridge), {
        // The switch goes on when a connection is closed.
        get: (fake, name) => (name === "close" ? async () => undefined : bound(fake, name)),
      });
    };
    return createOvsDriver(
      {
        kernel: this.kernel,
        ovsdb,
        ovs: createOpenVSwitch(ovsdb),
        connectSwitch,
        host,
        tracking: this.tracking,
        ...(this.netfilter === undefined ? {} : { netfilter: this.netfilter }),
        ...base,
      },
      settings,
      signal,
    );
  }

  openings(): Promise<readonly unknown[]> {
    return ownAddresses(this.kernel);
  }

  switch(bridge: string): FakeSwitch {
    const fake = this.switches.get(bridge) ?? new FakeSwitch();
    this.switches.set(bridge, fake);
    return fake;
  }

  /** What ovs-vswitchd does when it is killed and comes back. */
  restartSwitch(bridge: string): void {
    this.switch(bridge).disconnect();
    this.switch(bridge).reconnect("restarted");
    this.#onConnected.get(bridge)?.();
  }

  /** The device of an internal port lives and dies with its row. */
  async #followInternalPorts(ovsdb: OvsdbClient): Promise<void> {
    for await (const { table, before, after } of ovsdb.watch(this.#ended.signal)) {
      const { name, type } = (after ?? before)?.columns ?? {};
      if (table !== "Interface" || type !== "internal" || typeof name !== "string") continue;
      if (after === undefined) await this.kernel.deleteLink(name);
      else await this.kernel.createVeth({ name, peer: `${name}.x`, mtu: 1500 });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#undo.disposeAsync();
  }
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target);
  return typeof value === "function" ? value.bind(target) : value;
}

driverCompliance("Open vSwitch in memory", { networks: TENANTS_NETWORKS }, () => FakeMachine.start());

describe("the Open vSwitch driver", () => {
  const signal = AbortSignal.timeout(60_000);
  const a = wiring("a", "n7", ["10.20.0.5"]);

  test("names an endpoint whose ports cannot be published, for it could not answer", async () => {
    await using machine = await FakeMachine.start();
    const driver = await machine.open();
    const { twin } = TENANTS_NETWORKS;
    driver.setNetwork({ ...twin, subnets: twin.subnets.map(({ prefix }) => ({ prefix })) });
    await driver.synced(signal);
    const ports = [{ protocol: "tcp" as const, hostPort: 8082, containerPort: 80 }];
    await driver.attach(wiring("twin", "n9", ["10.30.0.5"], { ports }), signal);
    const status = [{ row: "ports twin", error: expect.stringContaining("has no gateway") }];
    await expect.poll(() => driver.status(), { timeout: 5000 }).toMatchObject(status);
    await driver.close();
  });

  test.each([
    { name: "the link cannot be named", break: (machine: FakeMachine) => machine.kernel.failNext("setLink", "EBUSY") },
    {
      name: "the switch refuses the flows",
      // Also each alone: a batch that is refused is tried again in halves.
      break: (machine: FakeMachine) => {
        for (let count = 0; count < 30; count++) machine.switch("hf-int").failNext("apply", "OFPFMFC_TABLE_FULL");
      },
    },
  ])("leaves nothing of an endpoint when $name", async ({ break: sabotage }) => {
    await using machine = await FakeMachine.start();
    const driver = await machine.open();
    driver.setNetwork(network("n7", "vlan", 100));
    await driver.attach(wiring("first", "n7", ["10.20.0.9"]), signal);
    await driver.detach("first", signal);
    const before = String(machine.switch("hf-int"));
    sabotage(machine);
    await expect(driver.attach(a, signal)).rejects.toMatchObject({ code: expect.stringMatching(/_rejected$/) });
    expect(String(machine.switch("hf-int"))).toBe(before);
    const ours = async () => (await machine.kernel.listLinks()).filter((link) => link.alias === "holdfast endpoint a");
    await expect.poll(ours).toEqual([]);
    await driver.close();
  });

  test("does not call an endpoint detached whose flows an earlier call has left in the switch", async () => {
    await using machine = await FakeMachine.start();
    const driver = await machine.open();
    driver.setNetwork(network("n7", "vlan", 100));
    await driver.attach(wiring("first", "n7", ["10.20.0.9"]), signal);
    await driver.detach("first", signal);
    const before = String(machine.switch("hf-int"));
    await driver.attach(a, signal);
    for (let count = 0; count < 3; count++) machine.switch("hf-int").failNext("apply", "OFPFMFC_TABLE_FULL");
    const caller = new AbortController();
    const first = driver.detach("a", caller.signal);
    caller.abort(new TypeError("gave up"));
    await expect(first).rejects.toThrow("gave up");
    expect(String(machine.switch("hf-int"))).not.toBe(before);
    await driver.detach("a", signal);
    expect(String(machine.switch("hf-int"))).toBe(before);
    await driver.close();
  });

  test("lets all addresses of an endpoint pass, and publishes ports on the first of each family", async () => {
    await using machine = await FakeMachine.start();
    // Without an uplink the machine is the gateway, and leads its ports to the addresses themselves.
    const driver = await machine.open({});
    driver.setNetwork(network("n7", "vxlan", 4711));
    await driver.synced(signal);
    const several = ["10.20.0.5", "10.20.0.6", "fd00:20::5", "fd00:20::6"];
    const ports = [{ protocol: "tcp", hostPort: 8080, containerPort: 80 }] as const;
    await driver.attach(wiring("many", "n7", several, { ports }), signal);
    const flows = String(machine.switch("hf-int"));
    for (const address of several) expect(flows).toMatch(new RegExp(`(nw_src|ipv6_src)=${address}[ ,]`));
    for (const address of several.slice(0, 2)) expect(flows).toContain(`arp_tpa=${address}`);
    const published = () => several.filter((address) => machine.scripts.join("\n").includes(`${address} . 80`));
    await expect.poll(published).toEqual(["10.20.0.5", "fd00:20::5"]);
    await driver.close();
  });

  test("puts the same flows into a switch that has lost them", async () => {
    await using machine = await FakeMachine.start();
    const driver = await machine.open();
    driver.setNetwork(network("n7", "vlan", 100));
    await driver.attach(a, signal);
    const before = String(machine.switch("hf-int"));
    machine.restartSwitch("hf-int");
    await expect.poll(() => String(machine.switch("hf-int"))).toBe(before);
    await driver.close();
  });

  test("does not count a link that is being unplugged among those of endpoints", async () => {
    await using machine = await FakeMachine.start();
    const { kernel } = machine;
    const driver = await machine.open();
    driver.setNetwork(network("n7", "vlan", 100));
    await driver.synced(signal);
    await driver.attach(a, signal);
    const aliased = async (alias: string) => (await kernel.listLinks()).filter((link) => link.alias === alias).length;
    // With as many spares as there should be, nobody needs a link that comes back.
    await expect.poll(() => aliased("holdfast spare"), { timeout: 5000 }).toBe(4);
    const deleteLink = kernel.deleteLink.bind(kernel);
    const begun = Promise.withResolvers<void>();
    const looked = Promise.withResolvers<void>();
    kernel.deleteLink = async (link) => {
      begun.resolve();
      await looked.promise;
      await deleteLink(link);
    };
    await driver.detach("a", signal);
    await begun.promise;
    expect(await aliased("holdfast endpoint a")).toBe(1);
    expect(await driver.inventory(signal)).toEqual([]);
    looked.resolve();
    await expect.poll(() => aliased("holdfast endpoint a"), { timeout: 5000 }).toBe(0);
    await driver.close();
  });

  test("hears what is taken out of its firewall from before it is there", async () => {
    await using machine = await FakeMachine.start();
    let scripts: number | undefined;
    const removals = async function* (): AsyncGenerator<never> {};
    machine.netfilter = {
      removals: () => {
        scripts = machine.scripts.length;
        return removals();
      },
    } as Partial<Netfilter> as Netfilter;
    const driver = await machine.open();
    expect(scripts).toBe(0);
    expect(machine.scripts.join()).toContain("holdfast_shield");
    await driver.close();
  });

  test("keeps nobody waiting for what the switch remembers, but for who asks", async () => {
    await using machine = await FakeMachine.start();
    const driver = await machine.open();
    driver.setNetwork(network("n7", "vlan", 100));
    await driver.attach(a, signal);
    await driver.detach("a", signal);
    expect(machine.rounds).toBe(0);
    await driver.quiet?.(signal);
    expect(machine.rounds).toBe(1);
    await driver.close();
  });

  test("sends no flow again after a restart", async () => {
    await using machine = await FakeMachine.start();
    const first = await machine.open();
    first.setNetwork(network("n7", "vlan", 100));
    await first.attach(a, signal);
    await first.close();
    const { bundles } = machine.switch("hf-int");
    const second = await machine.open();
    second.setNetwork(network("n7", "vlan", 100));
    await second.attach(a, signal);
    await second.synced(signal);
    expect(machine.switch("hf-int").bundles).toBe(bundles);
    await second.close();
  });

  test("wires an endpoint with one bundle of flows", async () => {
    await using machine = await FakeMachine.start();
    const driver = await machine.open();
    driver.setNetwork(network("n7", "vlan", 100));
    await driver.attach(a, signal);
    const { bundles } = machine.switch("hf-int");
    await driver.attach(wiring("b", "n7", ["10.20.0.6", "fd00:20::6"]), signal);
    expect(machine.switch("hf-int").bundles).toBe(bundles + 1);
    await driver.close();
  });

  test("gives interfaces of endpoints that have gone to new ones, also when many have gone at once", async () => {
    await using machine = await FakeMachine.start();
    let made = 0;
    const { createVeth, deleteLink } = machine.kernel;
    machine.kernel.createVeth = (veth) => {
      made += 1;
      return createVeth.call(machine.kernel, veth);
    };
    const firstGone = Promise.withResolvers<void>();
    machine.kernel.deleteLink = (name) => {
      firstGone.resolve();
      return deleteLink.call(machine.kernel, name);
    };
    const driver = await machine.open();
    driver.setNetwork(network("n7", "vlan", 100));
    const many = Array.from({ length: 40 }, (_, index) => wiring(`e${index}`, "n7", [`10.20.0.${index + 5}`]));
    for (const each of many) await driver.attach(each, signal);
    const before = made;
    for (const { id } of many) await driver.detach(id, signal);
    await firstGone.promise;
    for (const each of many.slice(0, 24)) await driver.attach(each, signal);
    expect(made - before).toBeLessThan(10);
    await driver.close();
  });

  test("shields the machine before an interface is given away", async () => {
    await using machine = await FakeMachine.start();
    const driver = await machine.open();
    expect(machine.scripts.at(-1)).toContain('iifname "hfp*" drop');
    expect(machine.scripts.at(-1)).toContain('iifname "eth1" drop');
    await driver.close();
  });
});
