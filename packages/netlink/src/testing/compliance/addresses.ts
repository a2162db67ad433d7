import { beforeEach, describe, expect, test } from "vitest";

import type { Kernel } from "../../kernel.ts";
import { address, type KernelUnderTest, MTU } from "./kernel-under-test.ts";

/** How addresses are set and removed, and what they bring and follow. */
export function addressesCompliance(name: string, subject: KernelUnderTest): void {
  describe(`${name}: addresses`, () => {
    let kernel: Kernel;
    beforeEach(() => {
      ({ kernel } = subject);
    });
    const { attach } = subject;

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

    test("of IPv4 may be valid on their link only", async () => {
      await kernel.createVeth({ name: "h1", peer: "p1", mtu: MTU });
      const gateway = { link: "h1", address: address("169.254.1.1"), length: 32, scope: "link" } as const;
      await kernel.replaceAddress(gateway);
      await kernel.replaceAddress(v4);
      expect(await kernel.listAddresses("h1")).toEqual(expect.arrayContaining([gateway, v4]));
      await kernel.deleteAddress(gateway);
      expect(await kernel.listAddresses("h1")).toEqual([v4]);
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
}
