import { Name } from "@holdfast/core";
import type { WiredNetwork } from "@holdfast/model";
import type { Kernel, Link } from "@holdfast/netlink";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AttachedPort, DatapathDriver, PortEvent } from "../driver.ts";
import { asRemote, wiring } from "./parties.ts";

/** What a driver is tried with. */
export interface DriverTraits {
  readonly networks: {
    readonly first: WiredNetwork;
    /** Of another tenant, with an MTU of 1450 and the prefix 10.30.0.0/24. */
    readonly other: WiredNetwork;
    /** A third tenant's with the prefix of `other`. Absent: the driver refuses such a network. */
    readonly twin?: WiredNetwork;
  };
}

/** A machine of its own, empty at first. */
export interface DriverEnvironment extends AsyncDisposable {
  readonly kernel: Kernel;
  /** Opens a driver on the machine; again after `close`: as a restarted agent does. */
  open(): Promise<DatapathDriver>;
  /** What published ports add to the machine. */
  openings(): Promise<readonly unknown[]>;
}

/** What every driver must do, whatever it carries frames with. */
export function driverCompliance(
  name: string,
  { networks: { first: NET, other: OTHER, twin } }: DriverTraits,
  start: () => Promise<DriverEnvironment>,
): void {
  describe(`${name} as a data path driver`, () => {
    let machine: DriverEnvironment;
    let driver: DatapathDriver;
    let signal: AbortSignal;

    beforeEach(async () => {
      signal = AbortSignal.timeout(20_000);
      machine = await start();
      driver = await machine.open();
      driver.setNetwork(NET);
      driver.setNetwork(OTHER);
    });
    afterEach(async () => {
      await driver.close();
      await machine[Symbol.asyncDispose]();
    });

    const a = wiring("a", "n7", ["10.20.0.5", "fd00:20::5"]);
    const b = wiring("b", "n7", ["10.20.0.6"]);
    const c = wiring("c", "n8", ["10.30.0.5"]);
    const link = (name: string) => machine.kernel.getLink(name);
    /** The interface is gone, or waits for another endpoint, as good as new. */
    const isFree = async (port: AttachedPort): Promise<boolean> => {
      const [near, far] = [await link(port.hostInterface), await link(port.containerInterface)];
      if (near === undefined) return far === undefined;
      return far?.up === false && !near.alias?.endsWith(" a") && !near.alias?.endsWith(" b");
    };
    const restart = async (): Promise<void> => {
      await driver.close();
      driver = await machine.open();
      driver.setNetwork(NET);
      driver.setNetwork(OTHER);
    };

    describe("attach", () => {
      test("gives an interface whose one end waits for the sandbox, with the endpoint's MAC and the network's MTU", async () => {
        const port = await driver.attach(c, signal);
        expect(port.mtu).toBe(1450);
        expect(await link(port.containerInterface)).toMatchObject({ mac: c.mac, mtu: 1450, up: false });
        expect(await link(port.hostInterface)).toMatchObject({ up: true, carrier: false });
      });

      test("gives the same again for the same endpoint, also at the same time", async () => {
        const [first, second] = await Promise.all([driver.attach(a, signal), driver.attach(a, signal)]);
        expect(second).toEqual(first);
        expect(await driver.attach(a, signal)).toEqual(first);
      });

      test("gives each endpoint its own", async () => {
        const wirings = Array.from({ length: 20 }, (_, index) => wiring(`e${index}`, "n7", [`10.20.0.${index + 10}`]));
        const ports = await Promise.all(wirings.map((each) => driver.attach(each, signal)));
        expect(new Set(ports.map((port) => port.hostInterface)).size).toBe(20);
        const macs = await Promise.all(ports.map(async (port) => (await link(port.containerInterface))?.mac));
        expect(macs).toEqual(wirings.map(({ mac }) => mac));
      });

      test("of an unknown network is refused and leaves nothing", async () => {
        await expect(driver.attach({ ...a, network: "n99" }, signal)).rejects.toMatchObject({ code: "not_found" });
        await expect(driver.announce("a", signal)).rejects.toMatchObject({ code: "not_found" });
      });

      test("does nothing when it was cancelled before", async () => {
        const cancelled = AbortSignal.abort(new TypeError("cancelled"));
        await expect(driver.attach(a, cancelled)).rejects.toThrow("cancelled");
        await expect(driver.announce("a", signal)).rejects.toMatchObject({ code: "not_found" });
      });

      test("takes a jumbo MTU", async () => {
        driver.setNetwork({ ...NET, mtu: 9000 });
        const port = await driver.attach(a, signal);
        expect(await link(port.containerInterface)).toMatchObject({ mtu: 9000 });
        expect((await link(port.hostInterface))?.mtu).toBeGreaterThanOrEqual(9000);
      });

      test("after a change of the MTU gives new interfaces the new one and leaves the others alone", async () => {
        const before = await driver.attach(a, signal);
        driver.setNetwork({ ...NET, mtu: 1400 });
        const after = await driver.attach(b, signal);
        expect(await link(after.containerInterface)).toMatchObject({ mtu: 1400 });
        expect(await link(before.containerInterface)).toMatchObject({ mtu: 1500 });
      });
    });

    describe("detach", () => {
      test("takes the interface from the endpoint, also from a runtime that has given its end back", async () => {
        const port = await driver.attach(a, signal);
        await machine.kernel.setLink(port.containerInterface, { up: true });
        await driver.detach("a", signal);
        await expect.poll(() => isFree(port), { timeout: 5000 }).toBe(true);
      });

      test("of what is not there is no news", async () => {
        await driver.detach("nobody", signal);
        await driver.attach(a, signal);
        await driver.detach("a", signal);
        await driver.detach("a", signal);
      });

      test("works when the sandbox has taken the interface with it", async () => {
        const port = await driver.attach(a, signal);
        await machine.kernel.deleteLink(port.containerInterface);
        await driver.detach("a", signal);
        await expect.poll(() => driver.status(), { timeout: 5000 }).toEqual([]);
      });

      test("that nobody waited for, and attach again leave one interface", async () => {
        await driver.attach(a, signal);
        const caller = new AbortController();
        const first = driver.detach("a", caller.signal);
        caller.abort(new TypeError("gave up"));
        await first.catch(() => undefined);
        const port = await driver.attach(a, signal);
        const own = async () =>
          (await machine.kernel.listLinks()).flatMap(({ name, alias }) => (alias?.endsWith(" a") ? [name] : []));
        await expect.poll(own, { timeout: 5000 }).toEqual([port.hostInterface]);
        expect((await driver.inventory(signal)).map((each) => each.interface)).toEqual([port.hostInterface]);
      });

      test("and attach again give a working interface", async () => {
        await driver.attach(a, signal);
        await driver.detach("a", signal);
        const port = await driver.attach(a, signal);
        expect(await link(port.containerInterface)).toMatchObject({ mac: a.mac });
        await driver.announce("a", signal);
      });
    });

    describe("after a restart", () => {
      test("an endpoint that is attached again has its interface still", async () => {
        const before = await driver.attach(a, signal);
        await restart();
        const after = await driver.attach(a, signal);
        expect(after).toEqual(before);
        await driver.synced(signal);
        expect(await link(before.containerInterface)).toMatchObject({ mac: a.mac });
        await expect.poll(() => driver.status(), { timeout: 5000 }).toEqual([]);
      });

      test("an endpoint whose interface has vanished meanwhile gets a new one", async () => {
        const before = await driver.attach(a, signal);
        await driver.close();
        await machine.kernel.deleteLink(before.containerInterface);
        await restart();
        const after = await driver.attach(a, signal);
        expect(await link(after.containerInterface)).toMatchObject({ mac: a.mac });
      });

      test("nothing is removed before the desired state is complete, then what is not part of it", async () => {
        const kept = await driver.attach(a, signal);
        const lost = await driver.attach(b, signal);
        await restart();
        await driver.attach(a, signal);
        expect(await link(lost.hostInterface)).toBeDefined();
        await driver.synced(signal);
        await expect.poll(() => isFree(lost), { timeout: 5000 }).toBe(true);
        expect(await link(kept.hostInterface)).toBeDefined();
      });

      test("an endpoint can be detached that was not attached again", async () => {
        const port = await driver.attach(a, signal);
        await restart();
        await driver.detach("a", signal);
        await expect.poll(() => isFree(port), { timeout: 5000 }).toBe(true);
      });

      test("a detach that was cut short is finished", async () => {
        const port = await driver.attach(a, signal);
        await driver.detach("a", signal);
        await restart();
        await driver.synced(signal);
        await expect.poll(() => isFree(port), { timeout: 5000 }).toBe(true);
      });
    });

    describe("published ports", () => {
      const tcp = (hostPort: number) => [{ protocol: "tcp" as const, hostPort, containerPort: 80 }];
      const publishers = [
        { ...a, ports: tcp(8080) },
        { ...c, ports: tcp(8081) },
        // Another tenant's, at the same address.
        ...(twin === undefined ? [] : [wiring("twin", twin.id, ["10.30.0.5"], { ports: tcp(8082) })]),
      ];
      const openings = () => machine.openings();

      test("are taken over by a restarted driver, and leave nothing when the last is gone", async () => {
        if (twin !== undefined) driver.setNetwork(twin);
        await driver.synced(signal);
        const before = await openings();
        for (const each of publishers) await driver.attach(each, signal);
        const open = await openings();
        expect(open).not.toEqual(before);
        await expect.poll(() => driver.status(), { timeout: 5000 }).toEqual([]);
        await restart();
        if (twin !== undefined) driver.setNetwork(twin);
        for (const each of publishers.toReversed()) await driver.attach(each, signal);
        expect(await openings()).toEqual(open);
        await driver.synced(signal);
        await expect.poll(() => driver.status(), { timeout: 5000 }).toEqual([]);
        expect(await openings()).toEqual(open);
        for (const each of publishers) await driver.detach(each.id, signal);
        await expect.poll(openings, { timeout: 5000 }).toEqual(before);
        await expect.poll(() => driver.status(), { timeout: 5000 }).toEqual([]);
      });
    });

    describe.runIf(twin === undefined)("a network with the prefix of another one", () => {
      const overlapping = { ...OTHER, id: "n9", name: Name.parse("copy"), tenant: Name.parse("third") };

      test("is named in the status, and its endpoints are refused with both names", async () => {
        driver.setNetwork(overlapping);
        await driver.synced(signal);
        const error = expect.stringContaining("third/copy overlaps 10.30.0.0/24 of rival/");
        await expect.poll(() => driver.status(), { timeout: 5000 }).toMatchObject([{ row: "networks n9", error }]);
        const refused = driver.attach({ ...c, id: "d", network: "n9" }, signal);
        await expect(refused).rejects.toMatchObject({ code: "conflict", message: error });
        driver.removeNetwork("n9");
        await expect.poll(() => driver.status(), { timeout: 5000 }).toEqual([]);
      });
    });

    describe("watch", () => {
      test("tells the state of each interface, then what happens to it", async () => {
        const port = await driver.attach(a, signal);
        const ended = new AbortController();
        const events: PortEvent[] = [];
        const watching = (async () => {
          for await (const event of driver.watch(ended.signal)) events.push(event);
        })();
        const states = () => events.map((event) => `${event.endpoint} ${event.state}`);
        await expect.poll(states).toEqual(["a down"]);
        await machine.kernel.setLink(port.containerInterface, { up: true });
        await expect.poll(states).toEqual(["a down", "a up"]);
        await machine.kernel.setLink(port.containerInterface, { up: false });
        await expect.poll(states).toEqual(["a down", "a up", "a down"]);
        await machine.kernel.deleteLink(port.containerInterface);
        await expect.poll(states).toEqual(["a down", "a up", "a down", "a gone"]);
        ended.abort();
        await watching;
      });
    });

    describe("the inventory", () => {
      const endpoints = async () =>
        (await driver.inventory(signal)).map(({ endpoint, state }) => `${endpoint} ${state}`).toSorted();

      test("names every interface of an endpoint with its state, and nothing else", async () => {
        expect(await endpoints()).toEqual([]);
        const port = await driver.attach(a, signal);
        await driver.attach(b, signal);
        await machine.kernel.setLink(port.containerInterface, { up: true });
        expect(await endpoints()).toEqual(["a up", "b down"]);
        expect(await driver.inventory(signal)).toContainEqual({
          endpoint: "a",
          interface: port.hostInterface,
          state: "up",
        });
        await driver.detach("b", signal);
        expect(await endpoints()).toEqual(["a up"]);
      });

      test("names an endpoint whose interface the kernel has removed", async () => {
        const port = await driver.attach(a, signal);
        await machine.kernel.deleteLink(port.containerInterface);
        expect(await endpoints()).toEqual(["a gone"]);
        await driver.detach("a", signal);
        expect(await endpoints()).toEqual([]);
      });

      test("does not name an interface that goes while the kernel is asked for it", async () => {
        await driver.attach(a, signal);
        const { kernel } = machine;
        const [listLinks, deleteLink] = [kernel.listLinks.bind(kernel), kernel.deleteLink.bind(kernel)];
        const looked = Promise.withResolvers<void>();
        kernel.deleteLink = async (link) => {
          await looked.promise;
          await deleteLink(link);
        };
        await driver.detach("a", signal);
        const named = (links: readonly Link[]) => links.filter(({ alias }) => alias === "holdfast endpoint a");
        // A kernel handle of the driver's own is not slowed down, and its answer has to be right all the same.
        kernel.listLinks = async () => {
          kernel.listLinks = listLinks;
          const links = await listLinks();
          looked.resolve();
          await expect.poll(async () => named(await listLinks()), { timeout: 5000 }).toEqual([]);
          return links;
        };
        expect(await endpoints()).toEqual([]);
        looked.resolve();
        Object.assign(kernel, { listLinks, deleteLink });
      });

      test("names what an earlier run has left and nobody has attached again", async () => {
        await driver.attach(a, signal);
        await driver.attach(b, signal);
        await restart();
        await driver.attach(a, signal);
        expect(await endpoints()).toEqual(["a down", "b down"]);
        await driver.detach("b", signal);
        expect(await endpoints()).toEqual(["a down"]);
      });
    });

    describe("desired state", () => {
      test("may be told again, in any order, and be removed twice", async () => {
        const remote = asRemote({ ...c, id: "r" }, "192.168.50.12");
        driver.setRemote(remote);
        driver.setRemote(remote);
        driver.setNetwork(OTHER);
        driver.setNetwork({ ...NET, subnets: [] });
        driver.removeRemote("r");
        driver.removeRemote("r");
        driver.removeNetwork("n8");
        driver.removeNetwork("n8");
        driver.setNetwork(OTHER);
        await driver.attach(c, signal);
        await driver.synced(signal);
        await driver.synced(signal);
        await expect.poll(() => driver.status(), { timeout: 5000 }).toEqual([]);
      });
    });
  });
}
