import { IpAddress, MacAddress } from "@holdfast/core";
import { beforeEach, describe, expect, test } from "vitest";

import type { Kernel } from "../../kernel.ts";
import { address, type KernelEnvironment, type KernelUnderTest, MAC, MTU } from "./kernel-under-test.ts";

/** How links are made, changed, moved and removed. */
export function linksCompliance(name: string, subject: KernelUnderTest): void {
  describe(`${name}: links`, () => {
    let environment: KernelEnvironment;
    let kernel: Kernel;
    beforeEach(() => {
      ({ environment, kernel } = subject);
    });
    const { attach } = subject;

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

    test("a veth's near end has the MAC that is asked for", async () => {
      await kernel.createVeth({ name: "h1", mac: MAC, peer: "p1", mtu: MTU, alias: "a", ipv4: { rp_filter: 1 } });
      expect(await kernel.getLink("h1")).toMatchObject({ mac: MAC, alias: "a", up: false });
    });

    test("of many that are made at once, each has its own outcome", async () => {
      await environment.createBridge("p40");
      const numbers = Array.from({ length: 80 }, (_, number) => number);
      const made = await Promise.allSettled(
        numbers.map((n) => kernel.createVeth({ name: `h${n}`, peer: `p${n}`, mtu: MTU, alias: `a${n}` })),
      );
      expect(numbers.filter((n) => made[n]?.status === "rejected")).toEqual([40]);
      expect(made[40]).toMatchObject({ reason: { code: "already_exists", details: { link: "p40" } } });
      expect(await kernel.getLink("h40")).toBeUndefined();
      const rest = numbers.filter((n) => n !== 40);
      await Promise.all(rest.map((n) => kernel.apply([{ kind: "up", link: `h${n}` }])));
      for (const n of rest) expect(await kernel.getLink(`h${n}`)).toMatchObject({ alias: `a${n}`, up: true });
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
      const expected = { ...before, mtu: 1400, mac, up: true, alias: "holdfast b", group: 7, master: bridge?.index };
      await kernel.setLink("h1", { mtu: 1400, mac });
      await kernel.setLink("h1", { up: true });
      await kernel.setLink("h1", { alias: "holdfast b", group: 7, master: "br0" });
      expect(await kernel.getLink("h1")).toEqual(expected);
      await kernel.setLink("h1", {});
      expect(await kernel.getLink("h1")).toEqual(expected);
      await kernel.setLink("h1", { master: null });
      expect(await kernel.getLink("h1")).not.toHaveProperty("master");
      await kernel.setLink("h1", { group: 0 });
      expect(await kernel.getLink("h1")).not.toHaveProperty("group");
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
}

function isV4(row: { readonly address: IpAddress }): boolean {
  return IpAddress.family(row.address) === "v4";
}
