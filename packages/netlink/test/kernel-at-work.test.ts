import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";

import { IpAddress, MacAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";

import { type Kernel, type KernelEvent, ROUTE_PROTOCOL } from "../src/kernel.ts";
import { withNamespace } from "../src/namespaces.ts";
import { createKernel, type KernelOptions } from "../src/rtnetlink-kernel.ts";
import { FakeKernel } from "../src/testing/fake-kernel.ts";
import { withTestNamespaces } from "../src/testing/test-namespaces.ts";

const MTU = 1450;

/** A kernel in a namespace of its own, and a second namespace. */
async function withKernel(
  action: (kernel: Kernel, own: string, other: string) => Promise<void>,
  options: KernelOptions = {},
): Promise<void> {
  await withTestNamespaces(2, async ([{ path: own }, second]) => {
    const outside = await createKernel(options);
    const kernel = await outside.enter(own);
    try {
      await action(kernel, own, second?.path ?? "");
    } finally {
      await kernel.close();
      await outside.close();
    }
  });
}

/** What a command prints inside a namespace. */
function run(path: string, command: string): string {
  const [program = "", ...words] = command.split(" ");
  return withNamespace(path, () => execFileSync(program, words, { encoding: "utf8" }));
}

const openFiles = (): number => readdirSync("/proc/self/fd").length;

describe("the kernel at work", () => {
  test("turns offloads off for good", async () => {
    await withKernel(async (kernel, own) => {
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU });
      const offloads =
        /^(tx-checksumming|scatter-gather|tcp-segmentation-offload|generic-(segmentation|receive)-offload): (on|off)/gm;
      expect(run(own, "ethtool -k h1").match(offloads)).toContain("tx-checksumming: on");
      await kernel.disableOffloads("h1");
      const after = run(own, "ethtool -k h1").match(offloads);
      expect(after).toHaveLength(5);
      expect(after?.filter((line) => line.endsWith(": on"))).toEqual([]);
      expect(run(own, "ethtool -k p1").match(offloads)).toContain("tx-checksumming: on");
    });
  });

  test("makes a veth with the IPv4 settings that are asked for", async () => {
    const settingsOf = (own: string, link: string): readonly string[] =>
      ["rp_filter", "route_localnet", "arp_ignore"].map((each) =>
        run(own, `sysctl -n net.ipv4.conf.${link}.${each}`).trim(),
      );
    await withKernel(async (kernel, own) => {
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU });
      const [rp_filter, , arp_ignore] = settingsOf(own, "h1");
      expect(rp_filter).not.toBe("2");
      await kernel.createVeth({
        name: "h2",
        peer: "p2",
        mtu: MTU,
        up: true,
        ipv4: { rp_filter: 2, route_localnet: 1 },
      });
      expect(settingsOf(own, "h2")).toEqual(["2", "1", arp_ignore]);
      expect(settingsOf(own, "p2")).toEqual([rp_filter, "0", arp_ignore]);
      expect(await kernel.getLink("h2")).toMatchObject({ up: true });
    });
  });

  test("shows ip(8) what was set", async () => {
    await withKernel(async (kernel, own, other) => {
      const inside = await kernel.enter(other);
      await kernel.createVeth({
        name: "h1",
        peer: "eth0",
        peerNamespace: other,
        mtu: MTU,
        alias: "holdfast c1",
        up: true,
      });
      await inside.setLink("eth0", { up: true });
      await inside.replaceAddress({ link: "eth0", address: IpAddress.parse("10.1.0.2"), length: 24 });
      await inside.replaceAddress({ link: "eth0", address: IpAddress.parse("fd00::2"), length: 64 });
      const nextHop = IpAddress.parse("10.1.0.1");
      await inside.replaceRoute({ prefix: "0.0.0.0/0", nextHop, protocol: ROUTE_PROTOCOL, mtu: 1400, metric: 9 });
      const mac = MacAddress.parse("02:00:00:00:00:01");
      await inside.replaceNeighbour({ link: "eth0", address: nextHop, mac, state: "permanent" });
      expect(run(own, "ip -o link show h1")).toMatch(/<.*,UP,LOWER_UP> mtu 1450 .*alias holdfast c1/);
      expect(run(other, "ip route show default")).toBe("default via 10.1.0.1 dev eth0 proto 253 metric 9 mtu 1400 \n");
      expect(run(other, "ip -4 -br addr show eth0")).toMatch(/UP +10\.1\.0\.2\/24/);
      // Not tentative: usable at once.
      expect(run(other, "ip -6 addr show dev eth0 to fd00::/64")).toMatch(/inet6 fd00::2\/64 scope global nodad ?\n/);
      expect(run(other, "ip neigh show nud permanent")).toBe("10.1.0.1 dev eth0 lladdr 02:00:00:00:00:01 PERMANENT \n");
      await inside.close();
    });
  });

  test("holds what ip(8) makes of the fake's printout", async () => {
    await withKernel(async (kernel, own) => {
      const fake = new FakeKernel();
      const tables = async (of: Kernel) => ({
        links: (await of.listLinks()).map(({ mac, ...link }) => ({
          ...link,
          mac: link.name === "h1" ? mac : undefined,
        })),
        addresses: (await of.listAddresses()).filter(({ address }) => !address.startsWith("fe80:")),
        routes: await of.listRoutes({ protocol: ROUTE_PROTOCOL }),
        neighbours: (await of.listNeighbours()).filter(({ state }) => state === "permanent"),
      });
      await fake.createVeth({ name: "h1", peer: "p1", mtu: MTU, alias: "holdfast:c1", up: true });
      await fake.setLink("h1", { mac: MacAddress.parse("02:00:00:00:00:11") });
      await fake.setLink("p1", { up: true });
      await fake.setLink("lo", { up: true });
      await fake.replaceAddress({ link: "h1", address: IpAddress.parse("10.1.0.1"), length: 24 });
      await fake.replaceAddress({ link: "h1", address: IpAddress.parse("fd00::1"), length: 64 });
      const [v4, v6] = [IpAddress.parse("10.1.0.2"), IpAddress.parse("fd00::2")];
      for (const route of [
        { prefix: "0.0.0.0/0", nextHop: v6 },
        { prefix: "10.2.0.0/16", nextHop: v4, mtu: 1400 },
        { prefix: "10.3.0.0/16", metric: 7, source: IpAddress.parse("10.1.0.1") },
        { prefix: "10.4.0.0/16", scope: "host" } as const,
        { prefix: "fd01::/64", nextHop: v6 },
      ]) {
        await fake.replaceRoute({ ...route, link: "h1", protocol: ROUTE_PROTOCOL });
      }
      const mac = MacAddress.parse("02:00:00:00:00:02");
      for (const address of [v4, v6]) await fake.replaceNeighbour({ link: "h1", address, mac, state: "permanent" });
      await fake.disableOffloads("h1");

      for (const line of String(fake).split("\n")) run(own, line.replaceAll('"', ""));
      const made = await tables(kernel);
      const printed = await tables(fake);
      // lo has addresses and a MAC of its own in a real kernel.
      made.addresses = made.addresses.filter(({ link }) => link !== "lo");
      const byPrefix = (a: { prefix: string }, b: { prefix: string }): number => (a.prefix < b.prefix ? -1 : 1);
      expect(made.routes.toSorted(byPrefix)).toEqual(printed.routes.toSorted(byPrefix));
      const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
      // The real kernel makes the far end first, so that indexes differ.
      const withoutIndex = (links: typeof made.links) =>
        links.toSorted(byName).map(({ index: _index, peer: _peer, ...link }) => link);
      expect(withoutIndex(made.links)).toEqual(withoutIndex(printed.links));
      expect(made.addresses).toEqual(printed.addresses);
      expect(made.neighbours).toEqual(printed.neighbours);
    });
  });

  test("goes on with other work while a link is removed", async () => {
    await withKernel(async (kernel) => {
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU, up: true });
      let removed = false;
      const removal = kernel.deleteLink("h1").then(() => {
        removed = true;
      });
      await new Promise(setImmediate);
      expect(removed).toBe(false);
      await kernel.createVeth({ name: "h2", peer: "p2", mtu: MTU });
      await removal;
      expect((await kernel.listLinks()).map(({ name }) => name).toSorted()).toEqual(["h2", "lo", "p2"]);
    });
  });

  test("removes many links at the price of one, each with its own outcome", async () => {
    await withKernel(async (kernel) => {
      const names = Array.from({ length: 70 }, (_, index) => `h${index}`);
      for (const name of names) await kernel.createVeth({ name, peer: `p${name}`, mtu: MTU });
      await kernel.createVeth({ name: "kept", peer: "kept2", mtu: MTU });
      await Promise.all([...names, "ph1", "none"].map(async (name) => await kernel.deleteLink(name)));
      expect((await kernel.listLinks()).map(({ name }) => name).toSorted()).toEqual(["kept", "kept2", "lo"]);

      for (const name of ["a", "b", "c"]) await kernel.createVeth({ name, peer: `p${name}`, mtu: MTU });
      const outcomes = await Promise.allSettled(["a", "lo", "b", "none", "c"].map((name) => kernel.deleteLink(name)));
      expect(outcomes.map(({ status }) => status)).toEqual([
        "fulfilled",
        "rejected",
        "fulfilled",
        "fulfilled",
        "fulfilled",
      ]);
      expect(outcomes[1]).toMatchObject({
        reason: { errnoName: "EOPNOTSUPP", message: expect.stringContaining("lo") },
      });
      expect((await kernel.listLinks()).map(({ name }) => name).toSorted()).toEqual(["kept", "kept2", "lo"]);
    });
  });

  test("explains a refusal in its own words", async () => {
    await withKernel(async (kernel) => {
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU, up: true });
      const route = {
        prefix: "10.0.0.0/8",
        nextHop: IpAddress.parse("10.9.0.1"),
        link: "h1",
        protocol: ROUTE_PROTOCOL,
      };
      await expect(kernel.replaceRoute(route)).rejects.toMatchObject({ explanation: "Nexthop has invalid gateway" });
      await expect(kernel.setLink("h1", { mtu: 70_000 })).rejects.toThrow(
        /^cannot set link h1: .* \(EINVAL\): mtu greater than device maximum/,
      );
    });
  });

  test("lists a table larger than any datagram", async () => {
    await withKernel(async (kernel) => {
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU, up: true });
      await kernel.setLink("p1", { up: true });
      const prefixes = Array.from({ length: 2000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`);
      for (const prefix of prefixes) await kernel.replaceRoute({ prefix, link: "h1", protocol: ROUTE_PROTOCOL });
      const listed = await kernel.listRoutes({ protocol: ROUTE_PROTOCOL });
      expect(new Set(listed.map(({ prefix }) => prefix))).toEqual(new Set(prefixes));
    });
  });

  test("leaves no descriptor open", async () => {
    await withKernel(async (kernel, own, other) => {
      const stop = new AbortController();
      const before = openFiles();
      for (let round = 0; round < 5; round++) {
        const inside = await kernel.enter(other);
        inside.watch(stop.signal);
        await inside.createVeth({ name: "a", peer: "b", peerNamespace: own, mtu: MTU });
        await inside.createVeth({ name: "a", peer: "b", peerNamespace: own, mtu: MTU });
        await expect(inside.createVeth({ name: "a", peer: "c", peerNamespace: own, mtu: MTU })).rejects.toThrow();
        await expect(inside.enter("/etc/passwd")).rejects.toThrow();
        await inside.deleteLink("a");
        await inside.close();
        await inside.close();
      }
      expect(openFiles()).toBe(before);
      stop.abort();
    });
  });
});

describe("a watch", () => {
  test("tells of an overrun, and of what comes after it with what it has missed", async () => {
    await withKernel(
      async (kernel) => {
        await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU, up: true });
        const events = kernel.watch(AbortSignal.timeout(10_000))[Symbol.asyncIterator]();
        // Nobody reads before the next turn of the event loop: what does not fit is lost, the neighbour for sure.
        for (let mtu = 1000; mtu < 1200; mtu++) await kernel.setLink("h1", { mtu });
        const mac = MacAddress.parse("02:00:00:00:00:77");
        const neighbour = { link: "h1", address: IpAddress.parse("10.1.0.2"), mac, state: "permanent" } as const;
        await kernel.replaceNeighbour(neighbour);
        const lost = await until(events, (event) => event.kind === "overrun");
        expect(lost.filter((event) => event.kind === "neighbour")).toEqual([]);
        const last = until(events, (event) => event.kind === "neighbour");
        await kernel.deleteNeighbour(neighbour);
        expect((await last).at(-1)).toMatchObject({ neighbour: { address: "10.1.0.2", mac }, gone: true });
      },
      { watchBufferBytes: 4096 },
    );
  });

  test("passes on thousands of events without loss", async () => {
    await withKernel(async (kernel) => {
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU });
      const events = kernel.watch(AbortSignal.timeout(20_000))[Symbol.asyncIterator]();
      for (let mtu = 1000; mtu < 4000; mtu++) await kernel.setLink("h1", { mtu });
      const seen = await until(events, (event) => event.kind === "link" && event.link.mtu === 3999);
      const values = new Set(seen.map((event) => (event.kind === "link" ? event.link.mtu : event.kind)));
      expect(values.size).toBe(3000);
      expect(values.has("overrun")).toBe(false);
    });
  });
});

async function until(
  events: AsyncIterator<KernelEvent>,
  matches: (event: KernelEvent) => boolean,
): Promise<KernelEvent[]> {
  const seen: KernelEvent[] = [];
  for (;;) {
    const next = await events.next();
    expect(next.done, "the watch has ended before the event came").not.toBe(true);
    seen.push(next.value);
    if (matches(next.value)) return seen;
  }
}
