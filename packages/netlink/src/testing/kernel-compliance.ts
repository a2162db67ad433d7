import { IpAddress, MacAddress } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { type Kernel, type KernelEvent, type Neighbour, ROUTE_PROTOCOL, type Route } from "../kernel.ts";

/** What the suite needs around a kernel. */
export interface KernelEnvironment extends AsyncDisposable {
  /** In a namespace with nothing but `lo`. */
  readonly kernel: Kernel;
  /** Makes one more such namespace; gives its path. */
  createNamespace(): Promise<string>;
  removeNamespace(path: string): Promise<void>;
  /** A file that is no namespace. */
  readonly plainFile: string;
  /** Makes a bridge where `kernel` is. */
  createBridge(name: string): Promise<void>;
}

const MTU = 1450;
const MAC = MacAddress.parse("02:00:0a:01:00:02");
const address = (text: string): IpAddress => IpAddress.parse(text);

/** What every `Kernel` must do; run it against the fake and against the real one. */
export function kernelCompliance(name: string, makeEnvironment: () => Promise<KernelEnvironment>): void {
  let environment: KernelEnvironment;
  let kernel: Kernel;
  beforeEach(async () => {
    environment = await makeEnvironment();
    kernel = environment.kernel;
  });
  afterEach(async () => {
    await environment[Symbol.asyncDispose]();
  });

  /** A veth `h1` whose other end `eth0` is in another namespace; both up, `h1` 10.1.0.1/24, `eth0` 10.1.0.2/24. */
  const attach = async () => {
    const path = await environment.createNamespace();
    const inside = await kernel.enter(path);
    await kernel.createVeth({ name: "h1", peer: "eth0", peerMac: MAC, peerNamespace: path, mtu: MTU, up: true });
    await inside.setLink("eth0", { up: true });
    await kernel.replaceAddress({ link: "h1", address: address("10.1.0.1"), length: 24 });
    await inside.replaceAddress({ link: "eth0", address: address("10.1.0.2"), length: 24 });
    return {
      path,
      inside,
      async [Symbol.asyncDispose]() {
        await inside.close();
      },
    };
  };

  describe(`${name}: links`, () => {
    test("an empty namespace has lo, which is down", async () => {
      expect(await kernel.listLinks()).toEqual([{ index: 1, name: "lo", mtu: 65_536, up: false, carrier: false }]);
      expect(await kernel.getLink("none")).toBeUndefined();
    });

    test("a veth has two ends that know each other", async () => {
      await kernel.createVeth({ name: "h1", peer: "p1", peerMac: MAC, mtu: MTU });
      const near = await kernel.getLink("h1");
      const far = await kernel.getLink("p1");
      expect(near).toMatchObject({ name: "h1", kind: "veth", mtu: MTU, up: false, carrier: false, peer: far?.index });
      expect(far).toMatchObject({ name: "p1", kind: "veth", mtu: MTU, up: false, mac: MAC, peer: near?.index });
      expect(near).not.toHaveProperty("alias");
      expect((await kernel.listLinks()).map((link) => link.name).toSorted()).toEqual(["h1", "lo", "p1"]);
    });

    test("a veth has a carrier when both ends are up", async () => {
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU, up: true });
      expect(await kernel.getLink("h1")).toMatchObject({ up: true, carrier: false });
      await kernel.setLink("p1", { up: true });
      expect(await kernel.getLink("h1")).toMatchObject({ up: true, carrier: true });
      await kernel.setLink("h1", { up: false });
      expect(await kernel.getLink("p1")).toMatchObject({ up: true, carrier: false });
    });

    test("a veth that is there as asked is a success, and comes up when asked", async () => {
      const path = await environment.createNamespace();
      const options = { name: "h1", peer: "eth0", peerMac: MAC, peerNamespace: path, mtu: MTU, alias: "holdfast a" };
      await kernel.createVeth(options);
      const before = await kernel.getLink("h1");
      await kernel.createVeth(options);
      expect(await kernel.getLink("h1")).toEqual(before);
      await kernel.createVeth({ ...options, up: true });
      expect(await kernel.getLink("h1")).toEqual({ ...before, up: true });
    });

    test("a veth that is there otherwise is refused by name and stays as it was", async () => {
      const path = await environment.createNamespace();
      const options = { name: "h1", peer: "p1", peerMac: MAC, mtu: MTU, alias: "holdfast a" };
      await kernel.createVeth(options);
      const before = await kernel.listLinks();
      for (const other of [
        { mtu: 1400 },
        { alias: "holdfast b" },
        { peer: "p2" },
        { peerMac: MacAddress.parse("02:00:00:00:00:99") },
        { peerNamespace: path },
      ]) {
        await expect(kernel.createVeth({ ...options, ...other })).rejects.toMatchObject({
          code: "already_exists",
          details: { link: "h1" },
        });
      }
      expect(await kernel.listLinks()).toEqual(before);
    });

    test("a name that the other end needs is refused by name, and nothing is made", async () => {
      await environment.createBridge("p1");
      await expect(kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU, alias: "a" })).rejects.toMatchObject({
        code: "already_exists",
        details: { link: "p1" },
      });
      await expect(kernel.createVeth({ name: "p1", peer: "h1", mtu: MTU })).rejects.toThrow(/is of kind bridge/);
      expect(await kernel.getLink("h1")).toBeUndefined();
      expect(await kernel.getLink("p1")).not.toHaveProperty("alias");
    });

    test("the other end is born in another namespace", async () => {
      await using there = await attach();
      expect(await kernel.getLink("eth0")).toBeUndefined();
      expect(await there.inside.getLink("eth0")).toMatchObject({ kind: "veth", mac: MAC, mtu: MTU, carrier: true });
      expect(await kernel.getLink("h1")).toMatchObject({ carrier: true });
    });

    test("another container's end of the same name and index is not its other end", async () => {
      const [one, two] = [await environment.createNamespace(), await environment.createNamespace()];
      const veth = { peer: "eth0", mtu: MTU };
      await kernel.createVeth({ ...veth, name: "h1", peerNamespace: one });
      await kernel.createVeth({ ...veth, name: "h2", peerNamespace: two });
      expect((await kernel.getLink("h1"))?.peer).toBe((await kernel.getLink("h2"))?.peer);
      await expect(kernel.createVeth({ ...veth, name: "h1", peerNamespace: two })).rejects.toMatchObject({
        code: "already_exists",
        message: expect.stringContaining("its other end is not eth0"),
      });
      await kernel.createVeth({ ...veth, name: "h1", peerNamespace: one });
    });

    test("both ends go at once, and twice is a success", async () => {
      await using there = await attach();
      await there.inside.deleteLink("eth0");
      expect(await kernel.getLink("h1")).toBeUndefined();
      await kernel.deleteLink("h1");
      await there.inside.deleteLink("eth0");
    });

    test("only what is named changes", async () => {
      await environment.createBridge("br0");
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU, alias: "holdfast a" });
      const before = await kernel.getLink("h1");
      const bridge = await kernel.getLink("br0");
      const mac = MacAddress.parse("02:00:00:00:00:42");
      const expected = { ...before, mtu: 1400, mac, up: true, alias: "holdfast b", master: bridge?.index };
      await kernel.setLink("h1", { mtu: 1400, mac });
      await kernel.setLink("h1", { up: true });
      await kernel.setLink("h1", { alias: "holdfast b", master: "br0" });
      expect(await kernel.getLink("h1")).toEqual(expected);
      await kernel.setLink("h1", {});
      expect(await kernel.getLink("h1")).toEqual(expected);
      await kernel.setLink("h1", { master: null });
      expect(await kernel.getLink("h1")).not.toHaveProperty("master");
    });

    test("an alias of 255 bytes comes back as it was, and an empty one takes it away", async () => {
      const alias = `${"ü".repeat(127)}!`;
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU, alias, up: true });
      expect(await kernel.getLink("h1")).toMatchObject({ alias, up: true });
      await kernel.setLink("h1", { alias: "" });
      expect(await kernel.getLink("h1")).not.toHaveProperty("alias");
      await expect(kernel.setLink("h1", { alias: `${alias}!` })).rejects.toMatchObject({ code: "invalid_argument" });
    });

    test("a renamed link keeps its index and its address", async () => {
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU });
      await kernel.replaceAddress({ link: "h1", address: address("10.1.0.1"), length: 24 });
      const before = await kernel.getLink("h1");
      await kernel.setLink("h1", { name: "h2" });
      expect(await kernel.getLink("h2")).toEqual({ ...before, name: "h2" });
      expect(await kernel.getLink("h1")).toBeUndefined();
      expect(await kernel.listAddresses()).toEqual([{ link: "h2", address: "10.1.0.1", length: 24 }]);
      await expect(kernel.setLink("h2", { name: "p1" })).rejects.toMatchObject({ errnoName: "EEXIST" });
    });

    test("a moved link leaves its addresses behind and arrives as asked", async () => {
      const path = await environment.createNamespace();
      const inside = await kernel.enter(path);
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU, up: true });
      await kernel.replaceAddress({ link: "p1", address: address("10.1.0.2"), length: 24 });
      await kernel.setLink("p1", { namespace: path, name: "eth0", mac: MAC, up: true });
      expect(await kernel.getLink("p1")).toBeUndefined();
      expect(await kernel.listAddresses("p1")).toEqual([]);
      expect(await inside.getLink("eth0")).toMatchObject({ mac: MAC, up: true, carrier: true });
      expect(await inside.listAddresses("eth0").then((rows) => rows.filter(isV4))).toEqual([]);
      await expect(kernel.setLink("p1", { namespace: path })).rejects.toMatchObject({ errnoName: "ENODEV" });
      await inside.close();
    });

    test("what no kernel takes as a name is refused before it", async () => {
      for (const bad of ["", "a-name-too-long-", "a/b", "a b", "a:b", "veth%d", ".", ".."]) {
        await expect(kernel.createVeth({ name: bad, peer: "p1", mtu: MTU }), bad).rejects.toMatchObject({
          code: "invalid_argument",
        });
        await expect(kernel.getLink(bad), bad).rejects.toMatchObject({ code: "invalid_argument" });
      }
      expect(await kernel.listLinks()).toHaveLength(1);
    });

    test("a refusal names the object and the errno", async () => {
      await expect(kernel.setLink("none", { up: true })).rejects.toMatchObject({
        name: "KernelError",
        code: "kernel_rejected",
        errno: 19,
        errnoName: "ENODEV",
        message: expect.stringMatching(/^cannot set link none: No such device \(ENODEV\)/),
      });
      await expect(kernel.replaceAddress({ link: "none", address: address("10.0.0.1"), length: 8 })).rejects.toThrow(
        /^cannot add address 10\.0\.0\.1\/8 to none: No such device/,
      );
    });

    test("offloads can be turned off, twice", async () => {
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU });
      await kernel.disableOffloads("h1");
      await kernel.disableOffloads("h1");
      await expect(kernel.disableOffloads("none")).rejects.toMatchObject({ errnoName: "ENODEV" });
    });
  });

  describe(`${name}: addresses`, () => {
    const v4 = { link: "h1", address: address("10.1.0.1"), length: 24 };
    const v6 = { link: "h1", address: address("fd00::1"), length: 64 };

    test("are set and removed, each twice", async () => {
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU });
      for (const row of [v4, v6]) {
        await kernel.replaceAddress(row);
        await kernel.replaceAddress(row);
      }
      expect(await kernel.listAddresses("h1")).toEqual([v4, v6]);
      expect(await kernel.listAddresses("p1")).toEqual([]);
      expect(await kernel.listAddresses("none")).toEqual([]);
      for (const row of [v4, v6]) {
        await kernel.deleteAddress(row);
        await kernel.deleteAddress(row);
      }
      expect(await kernel.listAddresses()).toEqual([]);
      await kernel.deleteAddress({ ...v4, link: "none" });
    });

    test("of IPv6 have one length", async () => {
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU });
      await kernel.replaceAddress(v6);
      await kernel.replaceAddress({ ...v6, length: 80 });
      expect(await kernel.listAddresses("h1")).toEqual([{ ...v6, length: 80 }]);
    });

    test("bring the route to their prefix", async () => {
      await using _there = await attach();
      expect(await kernel.listRoutes({ protocol: 2 })).toContainEqual({
        prefix: "10.1.0.0/24",
        link: "h1",
        protocol: 2,
        source: "10.1.0.1",
      });
      await kernel.deleteAddress({ ...v4 });
      expect((await kernel.listRoutes()).filter((route) => !route.prefix.includes(":"))).toEqual([]);
    });

    test("go with their link in IPv6, stay in IPv4, when it goes down", async () => {
      await using _there = await attach();
      await kernel.replaceAddress(v6);
      await kernel.setLink("h1", { up: false });
      expect(await kernel.listAddresses("h1")).toEqual([v4]);
    });

    test("with a length that is none are refused", async () => {
      await expect(kernel.replaceAddress({ ...v4, length: 33 })).rejects.toMatchObject({ code: "invalid_argument" });
    });
  });

  describe(`${name}: routes`, () => {
    const ours = async (): Promise<readonly Route[]> => await kernel.listRoutes({ protocol: ROUTE_PROTOCOL });
    const sorted = (routes: readonly Route[]): Route[] => routes.toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1));

    test("come back as they were set, and only ours with our protocol", async () => {
      await using _there = await attach();
      await kernel.replaceAddress({ link: "h1", address: address("fd00::1"), length: 64 });
      const routes: Route[] = [
        { prefix: "0.0.0.0/0", nextHop: address("10.1.0.2"), link: "h1", protocol: ROUTE_PROTOCOL, mtu: 1400 },
        { prefix: "10.2.0.0/16", link: "h1", protocol: ROUTE_PROTOCOL, source: address("10.1.0.1"), metric: 7 },
        { prefix: "10.3.0.7/32", link: "h1", protocol: ROUTE_PROTOCOL, scope: "global" },
        { prefix: "10.4.0.0/16", nextHop: address("fd00::2"), link: "h1", protocol: ROUTE_PROTOCOL },
        { prefix: "::/0", nextHop: address("fd00::2"), link: "h1", protocol: ROUTE_PROTOCOL },
        { prefix: "fd01::/64", link: "h1", protocol: ROUTE_PROTOCOL, metric: 5, mtu: 1300 },
      ];
      for (const route of [...routes, ...routes]) await kernel.replaceRoute(route);
      await kernel.replaceRoute({ prefix: "10.5.0.0/16", link: "h1", protocol: 4 });
      expect(sorted(await ours())).toEqual(routes);
      expect((await kernel.listRoutes()).length).toBeGreaterThan(routes.length + 1);
      for (const route of [...routes, ...routes]) await kernel.deleteRoute(route);
      expect(await ours()).toEqual([]);
      expect(await kernel.listRoutes({ protocol: 4 })).toHaveLength(1);
    });

    test("are replaced by prefix and metric", async () => {
      await using _there = await attach();
      const route: Route = {
        prefix: "10.2.0.0/16",
        nextHop: address("10.1.0.2"),
        link: "h1",
        protocol: ROUTE_PROTOCOL,
      };
      const other = { ...route, nextHop: address("10.1.0.3") };
      const backup = { ...route, metric: 100 };
      await kernel.replaceRoute(route);
      await kernel.replaceRoute(backup);
      await kernel.replaceRoute(other);
      expect(await ours()).toEqual([other, backup]);
    });

    test("of another metric or protocol survive a removal that comes twice", async () => {
      await using _there = await attach();
      const route: Route = {
        prefix: "10.2.0.0/16",
        nextHop: address("10.1.0.2"),
        link: "h1",
        protocol: ROUTE_PROTOCOL,
      };
      const backup = { ...route, metric: 100 };
      const foreign = { ...route, metric: 200, protocol: 4 };
      for (const row of [route, backup, foreign]) await kernel.replaceRoute(row);
      await kernel.deleteRoute(route);
      await kernel.deleteRoute(route);
      await kernel.deleteRoute({ ...foreign, protocol: ROUTE_PROTOCOL });
      expect(await ours()).toEqual([backup]);
      expect(await kernel.listRoutes({ protocol: 4 })).toEqual([foreign]);
    });

    test("find the link of their next hop", async () => {
      await using there = await attach();
      const route: Route = { prefix: "0.0.0.0/0", nextHop: address("10.1.0.1"), protocol: ROUTE_PROTOCOL };
      await there.inside.replaceRoute(route);
      expect(await there.inside.listRoutes({ protocol: ROUTE_PROTOCOL })).toEqual([{ ...route, link: "eth0" }]);
      await there.inside.deleteRoute(route);
      expect(await there.inside.listRoutes({ protocol: ROUTE_PROTOCOL })).toEqual([]);
    });

    test("need a next hop that is near and a link that is up", async () => {
      await using _there = await attach();
      const route: Route = { prefix: "10.2.0.0/16", link: "h1", protocol: ROUTE_PROTOCOL };
      await expect(kernel.replaceRoute({ ...route, nextHop: address("10.9.0.1") })).rejects.toMatchObject({
        errnoName: "ENETUNREACH",
      });
      await kernel.setLink("h1", { up: false });
      await expect(kernel.replaceRoute(route)).rejects.toMatchObject({ errnoName: "ENETDOWN" });
      await expect(kernel.replaceRoute({ ...route, link: "none" })).rejects.toMatchObject({ errnoName: "ENODEV" });
      await kernel.deleteRoute({ ...route, link: "none" });
      await expect(kernel.replaceRoute({ prefix: "10.2.0.0/16", protocol: 4 })).rejects.toMatchObject({
        code: "invalid_argument",
      });
      await expect(kernel.replaceRoute({ ...route, prefix: "10.2.0.1/16" })).rejects.toThrow(/host bits are set/);
      await expect(
        kernel.replaceRoute({ prefix: "::/0", nextHop: address("10.1.0.2"), protocol: 4 }),
      ).rejects.toMatchObject({ code: "invalid_argument" });
    });

    test("go with their link", async () => {
      await using _there = await attach();
      await kernel.replaceRoute({ prefix: "10.2.0.0/16", link: "h1", protocol: ROUTE_PROTOCOL });
      await kernel.setLink("h1", { up: false });
      expect(await ours()).toEqual([]);
    });
  });

  describe(`${name}: neighbours`, () => {
    const neighbour: Neighbour = { link: "h1", address: address("10.1.0.2"), mac: MAC, state: "permanent" };
    const six: Neighbour = { ...neighbour, address: address("fd00::2") };

    test("are set, changed and removed, each twice", async () => {
      await using _there = await attach();
      for (const row of [neighbour, six, neighbour, six]) await kernel.replaceNeighbour(row);
      expect(sortNeighbours(await kernel.listNeighbours("h1"))).toEqual([neighbour, six]);
      expect(sortNeighbours(await kernel.listNeighbours())).toEqual([neighbour, six]);
      const changed = { ...neighbour, mac: MacAddress.parse("02:00:00:00:00:09") };
      await kernel.replaceNeighbour(changed);
      expect(sortNeighbours(await kernel.listNeighbours("h1"))).toEqual([changed, six]);
      for (const row of [neighbour, six, neighbour, six]) await kernel.deleteNeighbour(row);
      expect(await kernel.listNeighbours("h1")).toEqual([]);
      expect(await kernel.listNeighbours("none")).toEqual([]);
      await kernel.deleteNeighbour({ ...neighbour, link: "none" });
    });

    test("cannot be set to a state that we do not know, or on a link that is not there", async () => {
      await expect(kernel.replaceNeighbour({ ...neighbour, state: "other" })).rejects.toMatchObject({
        code: "invalid_argument",
      });
      await expect(kernel.replaceNeighbour(neighbour)).rejects.toMatchObject({ errnoName: "ENODEV" });
    });

    test("go when the link goes down, the permanent ones, too", async () => {
      await using _there = await attach();
      await kernel.replaceNeighbour(neighbour);
      await kernel.setLink("h1", { up: false });
      expect(await kernel.listNeighbours("h1")).toEqual([]);
    });
  });

  describe(`${name}: events`, () => {
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

  describe(`${name}: namespaces`, () => {
    test("that are none are refused", async () => {
      const { plainFile } = environment;
      const gone = await environment.createNamespace();
      await environment.removeNamespace(gone);
      const veth = { name: "h1", peer: "eth0", mtu: MTU };
      for (const [path, code] of [
        [plainFile, "invalid_argument"],
        [gone, "not_found"],
      ] as const) {
        await expect(kernel.enter(path)).rejects.toMatchObject({ code, message: expect.stringContaining(path) });
        await expect(kernel.createVeth({ ...veth, peerNamespace: path })).rejects.toMatchObject({ code });
        await expect(kernel.setLink("lo", { namespace: path })).rejects.toMatchObject({ code });
      }
      expect(await kernel.listLinks()).toHaveLength(1);
    });

    test("that vanish take the veths into them along", async () => {
      const stop = new AbortController();
      const events = kernel.watch(stop.signal)[Symbol.asyncIterator]();
      const path = await environment.createNamespace();
      await kernel.createVeth({ name: "h1", peer: "eth0", peerNamespace: path, mtu: MTU, up: true });
      await environment.removeNamespace(path);
      const seen = await collect(events, (event) => event.kind === "link-gone");
      expect(seen.at(-1)).toMatchObject({ name: "h1" });
      expect(await kernel.getLink("h1")).toBeUndefined();
      stop.abort();
    });

    test("are entered from one another, by the same path", async () => {
      await using there = await attach();
      const again = await there.inside.enter(there.path);
      expect(await again.getLink("eth0")).toEqual(await there.inside.getLink("eth0"));
      await again.close();
      expect(await there.inside.getLink("eth0")).toMatchObject({ name: "eth0" });
    });
  });
}

function isV4(row: { readonly address: IpAddress }): boolean {
  return IpAddress.family(row.address) === "v4";
}

function isAboutEarly(event: KernelEvent): boolean {
  return event.kind === "link" && event.link.name.startsWith("early");
}

function sortNeighbours(rows: readonly Neighbour[]): Neighbour[] {
  return rows.toSorted((a, b) => (a.address < b.address ? -1 : 1));
}

/** Reads events up to one that matches, and gives them all. */
async function collect(
  events: AsyncIterator<KernelEvent>,
  until: (event: KernelEvent) => boolean,
): Promise<KernelEvent[]> {
  const seen: KernelEvent[] = [];
  for (;;) {
    const next = await events.next();
    if (next.done) return seen;
    seen.push(next.value);
    if (until(next.value)) return seen;
  }
}

/** Each of `wanted` is among `seen`, one after the other; other events may lie between. */
function expectInOrder(seen: readonly KernelEvent[], wanted: readonly object[]): void {
  let rest = seen;
  for (const event of wanted) {
    const index = rest.findIndex((candidate) => matches(candidate, event));
    expect(index, `${JSON.stringify(event)} among ${JSON.stringify(rest)}`).toBeGreaterThanOrEqual(0);
    rest = rest.slice(index + 1);
  }
}

function matches(event: KernelEvent, wanted: object): boolean {
  try {
    expect(event).toEqual(wanted);
    return true;
  } catch {
    return false;
  }
}
