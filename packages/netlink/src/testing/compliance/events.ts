import { beforeEach, describe, expect, test } from "vitest";

import { type Kernel, type KernelEvent, type Neighbour, ROUTE_PROTOCOL, type Route } from "../../kernel.ts";
import { collect, expectInOrder } from "./event-sequence.ts";
import { address, type KernelEnvironment, type KernelUnderTest, MAC, MTU } from "./kernel-under-test.ts";

/** What a watch tells, where, and when it ends. */
export function eventsCompliance(name: string, subject: KernelUnderTest): void {
  describe(`${name}: events`, () => {
    let environment: KernelEnvironment;
    let kernel: Kernel;
    beforeEach(() => {
      ({ environment, kernel } = subject);
    });
    const { attach } = subject;

    test("tell of each change, in order, from the call of watch on", async () => {
      const stop = new AbortController();
      await kernel.createVeth({ name: "early", peer: "early2", mtu: MTU });
      const events = kernel.watch(stop.signal)[Symbol.asyncIterator]();
      await using _there = await attach();
      const row: Neighbour = { link: "h1", address: address("10.1.0.2"), mac: MAC, state: "permanent" };
      const route: Route = { prefix: "10.2.0.0/16", link: "h1", protocol: ROUTE_PROTOCOL };
      await kernel.replaceRoute(route);
      await kernel.replaceNeighbour(row);
      await kernel.deleteNeighbour(row);
      await kernel.deleteRoute(route);
      const index = (await kernel.getLink("h1"))?.index;
      await kernel.deleteLink("h1");

      const seen = await collect(events, (event) => event.kind === "link-gone");
      expect(seen.filter(isAboutEarly)).toEqual([]);
      expectInOrder(seen, [
        { kind: "link", link: expect.objectContaining({ name: "h1", index, up: true }) },
        { kind: "address", address: { link: "h1", address: "10.1.0.1", length: 24 }, gone: false },
        { kind: "route", route, gone: false },
        { kind: "neighbour", neighbour: row, gone: false },
        { kind: "neighbour", neighbour: expect.objectContaining({ address: "10.1.0.2", mac: MAC }), gone: true },
        { kind: "route", route, gone: true },
        { kind: "address", address: { link: "h1", address: "10.1.0.1", length: 24 }, gone: true },
        { kind: "link-gone", index, name: "h1" },
      ]);
      stop.abort();
    });

    test("tell who waits already, also of a link that moves away and of a carrier", async () => {
      const stop = new AbortController();
      const path = await environment.createNamespace();
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU, up: true });
      const events = kernel.watch(stop.signal)[Symbol.asyncIterator]();
      const gone = collect(events, (event) => event.kind === "link-gone");
      await kernel.setLink("p1", { namespace: path, name: "eth0" });
      expect((await gone).at(-1)).toMatchObject({ kind: "link-gone", name: "p1" });
      const carrier = collect(events, (event) => event.kind === "link" && event.link.carrier);
      const inside = await kernel.enter(path);
      await inside.setLink("eth0", { up: true });
      expect((await carrier).at(-1)).toMatchObject({ kind: "link", link: { name: "h1", up: true, carrier: true } });
      await inside.close();
      stop.abort();
    });

    test("of another namespace are heard there and not here", async () => {
      const stop = new AbortController();
      const path = await environment.createNamespace();
      const inside = await kernel.enter(path);
      const here = kernel.watch(stop.signal)[Symbol.asyncIterator]();
      const there = inside.watch(stop.signal)[Symbol.asyncIterator]();
      await inside.createVeth({ name: "in1", peer: "in2", mtu: MTU });
      await kernel.createVeth({ name: "out1", peer: "out2", mtu: MTU });
      const first = await collect(here, (event) => event.kind === "link" && event.link.name === "out1");
      expect(first.some((event) => event.kind === "link" && event.link.name.startsWith("in"))).toBe(false);
      await collect(there, (event) => event.kind === "link" && event.link.name === "in1");
      stop.abort();
      await inside.close();
    });

    test("end when the signal is aborted, before, during and after a wait", async () => {
      const stop = new AbortController();
      const first = kernel.watch(stop.signal)[Symbol.asyncIterator]();
      const second = kernel.watch(stop.signal)[Symbol.asyncIterator]();
      const waiting = first.next();
      stop.abort();
      expect(await waiting).toEqual({ done: true, value: undefined });
      expect(await second.next()).toEqual({ done: true, value: undefined });
      for await (const event of kernel.watch(stop.signal)) expect(event).toBe("none");
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU });
      expect(await first.next()).toEqual({ done: true, value: undefined });
    });

    test("tell a second watch of nothing that was before it, and go on when the first ends", async () => {
      const [one, two] = [new AbortController(), new AbortController()];
      const first = kernel.watch(one.signal)[Symbol.asyncIterator]();
      await kernel.createVeth({ name: "early", peer: "earlyp", mtu: MTU });
      const second = kernel.watch(two.signal)[Symbol.asyncIterator]();
      await kernel.createVeth({ name: "late", peer: "latep", mtu: MTU });
      const names = async (events: AsyncIterator<KernelEvent>): Promise<string[]> => {
        const seen = new Set<string>();
        while (!seen.has("late")) {
          const { value } = await events.next();
          if (value?.kind === "link") seen.add(value.link.name);
        }
        return [...seen].filter((each) => !each.endsWith("p"));
      };
      expect(await names(first)).toEqual(["early", "late"]);
      expect(await names(second)).toEqual(["late"]);
      one.abort();
      await kernel.deleteLink("late");
      for (let gone = ""; gone !== "late"; ) {
        const { value } = await second.next();
        if (value?.kind === "link-gone") gone = value.name;
      }
      two.abort();
    });

    test("end when the reader has enough or the kernel is closed", async () => {
      const stop = new AbortController();
      const events = kernel.watch(stop.signal);
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU });
      let count = 0;
      for await (const _ of events) {
        count++;
        break;
      }
      expect(count).toBe(1);
      for await (const event of events) expect(event).toBe("none");
      const waiting = kernel.watch(stop.signal)[Symbol.asyncIterator]().next();
      await kernel.close();
      expect(await waiting).toEqual({ done: true, value: undefined });
    });
  });
}

function isAboutEarly(event: KernelEvent): boolean {
  return event.kind === "link" && event.link.name.startsWith("early");
}
