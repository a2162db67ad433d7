import { beforeEach, describe, expect, test } from "vitest";

import { type Kernel, type KernelChange, ROUTE_PROTOCOL, type Route } from "../../kernel.ts";
import { address, type KernelUnderTest } from "./kernel-under-test.ts";

/** How routes are set, replaced and removed, and which are refused. */
export function routesCompliance(name: string, subject: KernelUnderTest): void {
  describe(`${name}: routes`, () => {
    let kernel: Kernel;
    beforeEach(() => {
      ({ kernel } = subject);
    });
    const { attach } = subject;

    const ours = async (): Promise<readonly Route[]> => await kernel.listRoutes({ protocol: ROUTE_PROTOCOL });
    const viaPeer: Route = {
      prefix: "10.2.0.0/16",
      nextHop: address("10.1.0.2"),
      link: "h1",
      protocol: ROUTE_PROTOCOL,
    };
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
      const v6 = routes.filter(({ prefix }) => prefix.includes(":"));
      expect(sorted(await kernel.listRoutes({ protocol: ROUTE_PROTOCOL, family: "v6" }))).toEqual(v6);
      const v4 = routes.filter(({ prefix }) => !prefix.includes(":"));
      expect(sorted(await kernel.listRoutes({ protocol: ROUTE_PROTOCOL, family: "v4" }))).toEqual(v4);
      for (const route of [...routes, ...routes]) await kernel.deleteRoute(route);
      expect(await ours()).toEqual([]);
      expect(await kernel.listRoutes({ protocol: 4 })).toHaveLength(1);
    });

    test("may lead nowhere, and change places with others of their prefix", async () => {
      await using _there = await attach();
      await kernel.replaceAddress({ link: "h1", address: address("fd00::1"), length: 64 });
      for (const prefix of ["10.2.0.0/28", "fd01::/124"]) {
        const nowhere: Route = { prefix, type: "unreachable", protocol: ROUTE_PROTOCOL };
        const onLink: Route = { prefix, link: "h1", protocol: ROUTE_PROTOCOL };
        for (const route of [nowhere, nowhere, onLink, nowhere]) {
          await kernel.replaceRoute(route);
          expect(await ours()).toEqual([route]);
        }
        await kernel.deleteRoute(nowhere);
        await kernel.deleteRoute(nowhere);
        expect(await ours()).toEqual([]);
        await expect(kernel.replaceRoute({ ...onLink, type: "unreachable" })).rejects.toMatchObject({
          code: "invalid_argument",
        });
      }
    });

    test("are replaced by prefix and metric", async () => {
      await using _there = await attach();
      const other = { ...viaPeer, nextHop: address("10.1.0.3") };
      const backup = { ...viaPeer, metric: 100 };
      await kernel.replaceRoute(viaPeer);
      await kernel.replaceRoute(backup);
      await kernel.replaceRoute(other);
      expect(await ours()).toEqual([other, backup]);
    });

    test("come with an address and a link that is up in one message, also when some of it is there", async () => {
      await using there = await attach();
      const { inside } = there;
      const six = { link: "eth0", address: address("fd00::9"), length: 64 };
      await inside.replaceAddress({ ...six, length: 80 });
      await inside.setLink("eth0", { up: false });
      const four = { link: "eth0", address: address("10.1.0.9"), length: 24 };
      const route: Route = {
        prefix: "10.2.0.0/16",
        nextHop: address("10.1.0.1"),
        link: "eth0",
        protocol: ROUTE_PROTOCOL,
      };
      const changes: readonly KernelChange[] = [
        { kind: "address", address: four },
        { kind: "address", address: six },
        { kind: "up", link: "eth0" },
        { kind: "route", route },
      ];
      await inside.apply(changes);
      await inside.apply(changes);
      expect((await inside.getLink("eth0"))?.up).toBe(true);
      const addresses = await inside.listAddresses("eth0");
      expect(addresses).toEqual(expect.arrayContaining([four, six]));
      expect(addresses.filter((each) => each.address === six.address)).toEqual([six]);
      expect(await inside.listRoutes({ protocol: ROUTE_PROTOCOL })).toEqual([route]);
    });

    test("that are refused in one message keep nothing after them from being done", async () => {
      await using _there = await attach();
      const pathless: Route = { ...viaPeer, prefix: "10.7.0.0/16", nextHop: address("10.99.0.1") };
      const changes: readonly KernelChange[] = [
        { kind: "route", route: pathless },
        { kind: "route", route: viaPeer },
      ];
      await expect(kernel.apply(changes)).rejects.toMatchObject({ errnoName: "ENETUNREACH" });
      expect(await ours()).toEqual([viaPeer]);
      const absent: KernelChange = { kind: "up", link: "none" };
      await expect(kernel.apply([{ kind: "route", route: { ...viaPeer, metric: 9 } }, absent])).rejects.toMatchObject({
        errnoName: "ENODEV",
      });
      expect(await ours()).toEqual([viaPeer]);
    });

    test("of another metric or protocol survive a removal that comes twice", async () => {
      await using _there = await attach();
      const backup = { ...viaPeer, metric: 100 };
      const foreign = { ...viaPeer, metric: 200, protocol: 4 };
      for (const row of [viaPeer, backup, foreign]) await kernel.replaceRoute(row);
      await kernel.deleteRoute(viaPeer);
      await kernel.deleteRoute(viaPeer);
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
}
