import type { Link } from "@holdfast/netlink";
import { describe, expect, test } from "vitest";
import type { PortEvent } from "../driver.ts";
import type { DriverContext } from "./driver-context.ts";

/** What is told of interfaces: as it happens, and all at once. */
export function observation({ machine, driver, signal, restart, endpoints: { a, b } }: DriverContext): void {
  describe("watch", () => {
    test("tells the state of each interface, then what happens to it", async () => {
      const port = await driver().attach(a, signal());
      const ended = new AbortController();
      const events: PortEvent[] = [];
      const watching = (async () => {
        for await (const event of driver().watch(ended.signal)) events.push(event);
      })();
      const states = () => events.map((event) => `${event.endpoint} ${event.state}`);
      await expect.poll(states).toEqual(["a down"]);
      const links = await machine().kernel.listLinks();
      expect(events[0]?.ifIndex).toBe(links.find(({ name }) => name === port.hostInterface)?.index);
      await machine().kernel.setLink(port.containerInterface, { up: true });
      await expect.poll(states).toEqual(["a down", "a up"]);
      await machine().kernel.setLink(port.containerInterface, { up: false });
      await expect.poll(states).toEqual(["a down", "a up", "a down"]);
      await machine().kernel.deleteLink(port.containerInterface);
      await expect.poll(states).toEqual(["a down", "a up", "a down", "a gone"]);
      ended.abort();
      await watching;
    });
  });

  describe("the inventory", () => {
    const endpoints = async () =>
      (await driver().inventory(signal())).map(({ endpoint, state }) => `${endpoint} ${state}`).toSorted();

    test("names every interface of an endpoint with its state, and nothing else", async () => {
      expect(await endpoints()).toEqual([]);
      const port = await driver().attach(a, signal());
      await driver().attach(b, signal());
      await machine().kernel.setLink(port.containerInterface, { up: true });
      expect(await endpoints()).toEqual(["a up", "b down"]);
      expect(await driver().inventory(signal())).toContainEqual({
        endpoint: "a",
        interface: port.hostInterface,
        state: "up",
      });
      await driver().detach("b", signal());
      expect(await endpoints()).toEqual(["a up"]);
    });

    test("names an endpoint whose interface the kernel has removed", async () => {
      const port = await driver().attach(a, signal());
      await machine().kernel.deleteLink(port.containerInterface);
      expect(await endpoints()).toEqual(["a gone"]);
      await driver().detach("a", signal());
      expect(await endpoints()).toEqual([]);
    });

    test("does not name an interface that goes while the kernel is asked for it", async () => {
      await driver().attach(a, signal());
      const { kernel } = machine();
      const [listLinks, deleteLink] = [kernel.listLinks.bind(kernel), kernel.deleteLink.bind(kernel)];
      const looked = Promise.withResolvers<void>();
      kernel.deleteLink = async (link) => {
        await looked.promise;
        await deleteLink(link);
      };
      await driver().detach("a", signal());
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
      await driver().attach(a, signal());
      await driver().attach(b, signal());
      await restart();
      await driver().attach(a, signal());
      expect(await endpoints()).toEqual(["a down", "b down"]);
      await driver().detach("b", signal());
      expect(await endpoints()).toEqual(["a down"]);
    });
  });
}
