import { IpAddress, MacAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";

import { ROUTE_PROTOCOL } from "../kernel.ts";
import { FakeKernel } from "./fake-kernel.ts";
import { kernelCompliance } from "./kernel-compliance.ts";

kernelCompliance("fake kernel", async () => {
  const kernel = new FakeKernel();
  let count = 0;
  kernel.addFile("/etc/plain");
  return {
    kernel,
    plainFile: "/etc/plain",
    async createNamespace() {
      const path = `/run/netns/n${++count}`;
      kernel.addNamespace(path);
      return path;
    },
    async removeNamespace(path) {
      kernel.removeNamespace(path);
    },
    async createBridge(name) {
      kernel.addLink({ name, kind: "bridge" });
    },
    async [Symbol.asyncDispose]() {
      await kernel.close();
    },
  };
});

describe("a fake kernel", () => {
  const address = (text: string): IpAddress => IpAddress.parse(text);

  /** A host with an uplink in a bridge, and a container with two addresses. */
  const host = async (reversed = false) => {
    const kernel = new FakeKernel();
    kernel.addNamespace("/run/netns/c1");
    kernel.addLink({ name: "br0", kind: "bridge" });
    kernel.addLink({ name: "eth0" });
    await kernel.setLink("lo", { up: true });
    await kernel.createVeth({
      name: "h1",
      peer: "eth0",
      peerMac: MacAddress.parse("02:64:0a:01:00:02"),
      peerNamespace: "/run/netns/c1",
      mtu: 1450,
      alias: "holdfast c1",
      up: true,
    });
    await kernel.setLink("h1", { master: "br0" });
    await kernel.disableOffloads("h1");
    await kernel.setLink("br0", { up: true });
    const c1 = await kernel.enter("/run/netns/c1");
    await c1.setLink("eth0", { up: true });
    const addresses = [
      { link: "eth0", address: address("10.1.0.2"), length: 24 },
      { link: "eth0", address: address("fd00::2"), length: 64 },
    ];
    for (const row of reversed ? addresses.reverse() : addresses) await c1.replaceAddress(row);
    const routes = [
      { prefix: "0.0.0.0/0", nextHop: address("10.1.0.1"), protocol: ROUTE_PROTOCOL, mtu: 1400 },
      { prefix: "10.9.0.0/16", link: "eth0", protocol: ROUTE_PROTOCOL, metric: 7, source: address("10.1.0.2") },
      { prefix: "::/0", nextHop: address("fd00::1"), link: "eth0", protocol: ROUTE_PROTOCOL },
    ];
    for (const route of reversed ? routes.reverse() : routes) await c1.replaceRoute(route);
    await c1.replaceNeighbour({
      link: "eth0",
      address: address("10.1.0.1"),
      mac: MacAddress.parse("02:64:0a:01:00:01"),
      state: "permanent",
    });
    return { kernel, c1 };
  };

  test("prints what an operator would type", async () => {
    const { kernel, c1 } = await host();
    expect(String(kernel)).toBe(
      [
        "ip link add br0 type bridge",
        "ip link add h1 type veth peer name eth0 netns /run/netns/c1",
        "ip link set br0 up",
        'ip link set h1 mtu 1450 alias "holdfast c1" master br0 up',
        "ethtool -K h1 tx off sg off tso off gso off gro off",
        "ip link set lo up",
      ].join("\n"),
    );
    expect(String(c1)).toBe(
      [
        "ip link set eth0 address 02:64:0a:01:00:02 mtu 1450 up",
        "ip addr add 10.1.0.2/24 dev eth0",
        "ip addr add fd00::2/64 dev eth0",
        "ip -6 route add default via fd00::1 dev eth0 proto 253",
        "ip route add 10.9.0.0/16 dev eth0 proto 253 src 10.1.0.2 metric 7",
        "ip route add default via 10.1.0.1 dev eth0 proto 253 mtu 1400",
        "ip neigh add 10.1.0.1 lladdr 02:64:0a:01:00:01 dev eth0 nud permanent",
      ].join("\n"),
    );
  });

  test("prints the same whatever the order in which it came to be", async () => {
    const forwards = await host();
    const backwards = await host(true);
    expect(String(backwards.c1)).toBe(String(forwards.c1));
  });

  test("fails as told, once each, and changes nothing by it", async () => {
    const { kernel, c1 } = await host();
    const before = String(c1);
    const route = { prefix: "10.8.0.0/16", link: "eth0", protocol: ROUTE_PROTOCOL };
    kernel.failNext("replaceRoute", "EBUSY");
    kernel.failNext("replaceRoute", "ENOMEM");
    await expect(c1.replaceRoute(route)).rejects.toMatchObject({ errnoName: "EBUSY", retryable: true });
    await expect(c1.replaceRoute(route)).rejects.toMatchObject({ errnoName: "ENOMEM", retryable: false });
    expect(String(c1)).toBe(before);
    await c1.replaceRoute(route);
    expect(String(c1)).not.toBe(before);
    kernel.failNext("enter", "EPERM");
    await expect(kernel.enter("/run/netns/c1")).rejects.toMatchObject({ errnoName: "EPERM" });
    expect(() => kernel.failNext("getLink", "ENOSUCH")).toThrow(/is the name of an errno/);
  });

  test("tells of an overrun when a test wants one", async () => {
    const kernel = new FakeKernel();
    const events = kernel.watch(AbortSignal.timeout(5000))[Symbol.asyncIterator]();
    kernel.overrun();
    expect(await events.next()).toEqual({ done: false, value: { kind: "overrun" } });
  });

  test("does not delete hardware", async () => {
    const kernel = new FakeKernel();
    kernel.addLink({ name: "eth0" });
    await expect(kernel.deleteLink("eth0")).rejects.toMatchObject({ errnoName: "EOPNOTSUPP" });
  });
});
